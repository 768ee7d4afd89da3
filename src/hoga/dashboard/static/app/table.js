// The table of streams: thousands of rows, of which only those in sight exist.
import { byId, make, mark, put } from "./dom.js";
import { count, plainMs, rate } from "./format.js";
import { t } from "./i18n.js";
import { setView, view } from "./view.js";
import { kindText } from "./words.js";

const ROW = 28;
const SPARE = 4;
const GATED = 1, DISK = 2, DISCONNECTED = 4, SILENT = 8, DOWN = 16, NEVER = 32;

const COLUMNS = [
  { key: "name", sort: (m, at) => m.meta.streams[at][0] },
  { key: "kind", sort: (m, at) => m.meta.streams[at][4] },
  { key: "st", sort: (m, at) => m.columns.st[at] },
  { key: "rate", number: true, sort: (m, at) => m.columns.rate[at] },
  { key: "med", number: true, sort: (m, at) => m.columns.med[at] },
  { key: "p99", number: true, sort: (m, at) => m.columns.p99[at] },
  { key: "flush", number: true, sort: (m, at) => m.columns.flush[at] },
  { key: "q", number: true, sort: (m, at) => m.columns.q[at] },
  { key: "gaps", number: true, sort: (m, at) => m.columns.gaps[at] },
  { key: "rec", number: true, sort: (m, at) => m.columns.rec[at] },
  { key: "strip", sort: null },
];

export function stateOf(flags) {
  if (flags == null) return { text: t("s-unknown"), level: null };
  if (!flags) return { text: t("s-ok"), level: "good" };
  const name = flags & DISK ? "disk" : flags & DISCONNECTED ? "disconnected" : flags & GATED ? "gated" : flags & SILENT ? "silent" : flags & DOWN ? "down" : "never";
  return { text: t(`s-${name}`), level: name === "never" ? "warn" : "bad" };
}

export class StreamTable {
  constructor(model, choose) {
    this.model = model;
    this.choose = choose;
    this.scroll = byId("stream-scroll");
    this.body = document.querySelector("#stream-table tbody");
    this.order = [];
    this.rows = [];
    this.sortedAt = 0;
    this.above = this.spacer();
    this.below = this.spacer();
    this.body.append(this.above.row, this.below.row);
    this.scroll.addEventListener("scroll", () => { model.dirty.add("rows"); }, { passive: true });
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    byId("filter").addEventListener("input", (event) => { setView({ filter: event.target.value }); this.arrange(); });
    byId("only-bad").addEventListener("change", (event) => { setView({ bad: event.target.checked ? "1" : "" }); this.arrange(); });
  }

  spacer() {
    const cell = make("td"); // no colspan: it would make room for the columns that a phone hides
    return { row: make("tr", { class: "spacer", "aria-hidden": "true" }, cell), cell };
  }

  head() {
    const [key, way] = view.sort.split(":");
    const row = document.querySelector("#stream-table thead tr");
    row.replaceChildren(...COLUMNS.map((column) => {
      const label = t(`c-${column.key}`);
      const th = make("th", { scope: "col", class: `c-${column.key}${column.number ? " n" : ""}` });
      if (!column.sort) { th.textContent = label; return th; }
      const on = key === column.key;
      const button = make("button", { type: "button", text: label + (on ? (way === "d" ? " ▼" : " ▲") : "") });
      if (on) th.setAttribute("aria-sort", way === "d" ? "descending" : "ascending");
      button.addEventListener("click", () => this.sortBy(column.key));
      th.append(button);
      return th;
    }));
    byId("filter").value = view.filter;
    byId("only-bad").checked = Boolean(view.bad);
  }

  sortBy(key) {
    const [old, way] = view.sort.split(":");
    setView({ sort: old !== key ? `${key}:d` : way === "d" ? `${key}:a` : "" });
    this.head();
    this.arrange();
    document.querySelector(`#stream-table .c-${key} button`)?.focus();
  }

  arrange() {
    const { model } = this;
    if (!model.meta) { this.order = []; return; }
    const words = view.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const [key, way] = view.sort.split(":");
    let order = model.meta.streams.map((_, at) => at);
    if (words.length) order = order.filter((at) => { const text = model.meta.streams[at].join(" ").toLowerCase(); return words.every((word) => text.includes(word)); });
    if (view.bad) order = order.filter((at) => model.columns.st[at]);
    const column = COLUMNS.find((each) => each.key === key && each.sort);
    if (column) {
      const sign = way === "d" ? -1 : 1;
      order.sort((a, b) => {
        const x = column.sort(model, a), y = column.sort(model, b);
        if (x == null || y == null) return (x == null) - (y == null);
        return (x < y ? -1 : x > y ? 1 : 0) * sign || a - b;
      });
    }
    this.order = order;
    this.sortedAt = performance.now();
    put(byId("stream-count"), order.length === model.meta.streams.length ? `${order.length}` : `${order.length} / ${model.meta.streams.length}`);
    model.dirty.add("rows");
  }

  paint() {
    const { model } = this;
    if (!model.meta) return;
    if ((view.sort || view.bad) && performance.now() - this.sortedAt > 1000) this.arrange();
    const height = this.height ??= this.scroll.clientHeight;
    const first = Math.max(0, Math.min(Math.floor(this.scroll.scrollTop / ROW) - SPARE, this.order.length - 1));
    const last = Math.min(this.order.length, first + Math.ceil(height / ROW) + 2 * SPARE);
    this.above.cell.style.height = `${first * ROW}px`;
    this.below.cell.style.height = `${(this.order.length - last) * ROW}px`;
    while (this.rows.length < last - first) this.rows.push(this.add());
    while (this.rows.length > last - first) this.rows.pop().row.remove();
    for (let index = first; index < last; index += 1) this.fill(this.rows[index - first], this.order[index], index);
    mark(byId("stream-table"), "aria-rowcount", String(this.order.length + 1));
  }

  resized() { this.height = null; this.model.dirty.add("rows"); }

  add() {
    const row = make("tr");
    const button = make("button", { type: "button" });
    const cells = COLUMNS.map((column, at) => make(at ? "td" : "th", { class: `c-${column.key}${column.number ? " n" : ""}`, ...(at ? {} : { scope: "row" }) }));
    cells[0].append(button);
    const canvas = make("canvas", { width: "96", height: "12", role: "img" });
    cells[COLUMNS.length - 1].append(canvas);
    row.append(...cells);
    button.addEventListener("click", () => this.choose(entry.at));
    this.below.row.before(row);
    const entry = { row, cells, button, canvas, at: -1, strip: null };
    return entry;
  }

  fill(entry, at, index) {
    const { model } = this;
    const { columns } = model;
    const [name, venue, , , kind] = model.meta.streams[at];
    entry.at = at;
    put(entry.button, model.severalVenues ? `${venue} · ${name}` : name);
    mark(entry.button, "title", `${venue} · ${name}`);
    put(entry.cells[1], kindText(kind));
    const state = stateOf(columns.st[at]);
    put(entry.cells[2], state.text);
    mark(entry.cells[2], "data-level", state.level);
    put(entry.cells[3], rate(columns.rate[at]));
    put(entry.cells[4], plainMs(columns.med[at]));
    put(entry.cells[5], plainMs(columns.p99[at]));
    put(entry.cells[6], plainMs(columns.flush[at]));
    put(entry.cells[7], count(columns.q[at]));
    put(entry.cells[8], count(columns.gaps[at]));
    put(entry.cells[9], count(columns.rec[at]));
    mark(entry.row, "aria-rowindex", String(index + 2));
    mark(entry.row, "aria-selected", at === model.place ? "true" : null);
    const today = model.today[at];
    const sign = today ? `${today[1]}${document.documentElement.hasAttribute("data-dark")}` : "";
    if (entry.strip !== sign) {
      entry.strip = sign;
      drawStrip(entry.canvas, today?.[1] ?? "");
      mark(entry.canvas, "aria-label", t("strip-alt", { share: shareText(today?.[0]), proven: shareText(today?.[2]) }));
    }
  }

  key(event) {
    if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || !this.order.length) return;
    event.preventDefault();
    const here = this.order.indexOf(this.model.place);
    const next = event.key === "Home" ? 0 : event.key === "End" ? this.order.length - 1 : Math.max(0, Math.min(this.order.length - 1, here + (event.key === "ArrowDown" ? 1 : -1)));
    const top = next * ROW;
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    else if (top + 2 * ROW > this.scroll.scrollTop + this.scroll.clientHeight) this.scroll.scrollTop = top + 2 * ROW - this.scroll.clientHeight;
    this.choose(this.order[next]);
  }
}

/** A share for people, never rounded up: only what is whole is 100. */
export function shareText(share, unit = " %") {
  if (share == null) return "–";
  return share >= 1 ? `100${unit}` : `${(Math.floor(share * 10000) / 100).toFixed(2)}${unit}`;
}

/** `=` proven and complete: the whole height; `-` complete as far as anybody can know: half of it; digits: what is missing. */
export function drawStrip(canvas, strip) {
  const style = getComputedStyle(document.documentElement);
  const paint = canvas.getContext("2d");
  const width = canvas.width / 96;
  paint.clearRect(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < 96; at += 1) {
    const sign = strip[at] ?? ".";
    const whole = sign === "=" || sign === "-";
    paint.fillStyle = style.getPropertyValue("--line");
    paint.fillRect(at * width, canvas.height - 3, Math.max(1, width - (width > 2 ? 1 : 0)), 3);
    if (sign === ".") continue;
    paint.fillStyle = style.getPropertyValue(whole ? "--good" : "--bad");
    const height = sign === "=" ? canvas.height : whole ? canvas.height / 2 : Math.max(4, canvas.height * (1 - Number(sign) / 10));
    paint.fillRect(at * width, canvas.height - height, Math.max(1, width - (width > 2 ? 1 : 0)), height);
  }
}
