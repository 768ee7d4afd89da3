// Small helpers: change a text only where it differs, keep lists of rows, load what is not always needed.
export const root = document.documentElement;
export const byId = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) { return filled(document.createElement(name), attributes, children); }

export function svg(name, attributes = {}, ...children) { return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children); }

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) if (key === "text") node.textContent = value; else node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// A control without words: `tip` names and explains it in the viewer's language.
export const tool = (tip, glyph, attributes = {}) => make("button", { type: "button", class: "tool", "data-tip": tip, ...attributes }, make("span", { "aria-hidden": "true", text: glyph }));

// The head of a card: its title, and what stands beside it.
export const head = (id, title, ...beside) => make("div", { class: "head" }, make("h2", { id: `h-${id}` }, ...[title].flat()), ...beside);

export function put(node, text) {
  const first = node.firstChild;
  if (first && first.nodeType === 3) { if (first.nodeValue !== text) first.nodeValue = text; } else if (node.textContent !== text) node.textContent = text;
}

export function mark(node, name, value) {
  if (value == null) { if (node.hasAttribute(name)) node.removeAttribute(name); } else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// A child of `list` for each item, in their order: known by `keyOf(item, at)`, made by `add()` as {item: element, …}, filled by `fill`.
export class List {
  constructor(list, add, fill, keyOf = (_, at) => at) { Object.assign(this, { list, add, fill, keyOf, nodes: new Map() }); }

  show(items) {
    const keys = items.map(this.keyOf), here = new Set(keys);
    for (const [key, node] of this.nodes) if (!here.has(key)) { node.item.remove(); this.nodes.delete(key); }
    items.forEach((each, at) => {
      let node = this.nodes.get(keys[at]);
      if (!node) this.nodes.set(keys[at], node = this.add());
      if (this.list.children[at] !== node.item) this.list.insertBefore(node.item, this.list.children[at] ?? null);
      node.each = each;
      this.fill(node, each);
    });
  }
}

// Rows of cells that are texts, or {text, level}. `columns`: class names; in a table the first cell is the row's head.
export class Rows {
  constructor(body, columns, table = true) {
    this.list = new List(body, () => {
      const cells = columns.map((name, at) => (table ? make(at ? "td" : "th", { ...(at ? {} : { scope: "row" }), class: name }) : make("span", { class: name })));
      return { item: make(table ? "tr" : "li", {}, ...cells), cells };
    }, ({ cells }, texts) => texts.forEach((cell, at) => {
      const { text, level } = typeof cell === "object" && cell ? cell : { text: cell };
      put(cells[at], text);
      mark(cells[at], "data-level", level);
    }));
  }

  fill(items, texts) { this.list.show(items.map(texts)); }
}

// A stylesheet or a plain script of the page; resolves when it is there.
const asked = new Map();
export function fetched(path) {
  if (!asked.has(path)) {
    asked.set(path, new Promise((done, failed) => {
      const node = path.endsWith(".css") ? make("link", { rel: "stylesheet", href: path }) : make("script", { src: path });
      node.onload = done;
      node.onerror = () => { asked.delete(path); node.remove(); failed(new Error(`${path} cannot be loaded`)); };
      document.head.append(node);
    }));
  }
  return asked.get(path);
}
