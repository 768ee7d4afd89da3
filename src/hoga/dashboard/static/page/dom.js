// Small helpers: change a text only where it differs, keep lists of rows.
export const byId = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value;
    else if (key === "text") node.textContent = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

export function put(node, text) {
  const first = node.firstChild;
  if (first && first.nodeType === 3) {
    if (first.nodeValue !== text) first.nodeValue = text;
  } else if (!first) {
    node.textContent = text;
  } else if (node.textContent !== text) {
    node.textContent = text;
  }
}

export function mark(node, name, value) {
  if (value == null) { if (node.hasAttribute(name)) node.removeAttribute(name); } else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// A body whose rows are made once and filled again and again. `columns`: class names of the cells; the first is the row's head.
export class Rows {
  constructor(body, columns) { this.body = body; this.columns = columns; this.rows = []; }

  fill(items, texts) {
    while (this.rows.length < items.length) this.rows.push(this.add());
    while (this.rows.length > items.length) this.rows.pop().row.remove();
    items.forEach((item, at) => {
      texts(item).forEach((cell, column) => {
        const node = this.rows[at].cells[column];
        if (cell != null && typeof cell === "object") { put(node, cell.text); mark(node, "data-level", cell.level); } else put(node, cell);
      });
    });
  }

  add() {
    const row = make("tr");
    const cells = this.columns.map((name, at) => (at ? make("td", { class: name }) : make("th", { scope: "row", class: name })));
    row.append(...cells);
    this.body.append(row);
    return { row, cells };
  }
}

// Pairs of term and value, likewise.
export class Pairs {
  constructor(list) { this.list = list; this.nodes = new Map(); }

  set(key, label, value, bad) {
    let node = this.nodes.get(key);
    if (!node) {
      node = { term: make("dt"), value: make("dd") };
      this.list.append(make("div", {}, node.term, node.value));
      this.nodes.set(key, node);
    }
    put(node.term, label);
    put(node.value, value);
    mark(node.value, "data-bad", bad ? "" : null);
  }
}
