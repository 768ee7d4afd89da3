// The ladder: sums from the middle outwards as bars, the spread, levels put together by 1, 10 or 100 ticks.
import { hasBook, oldText } from "./chosen.js";
import { write } from "./decimal.js";
import { make, mark, put } from "./dom.js";
import { soon } from "./frames.js";
import { t } from "./i18n.js";
import { grouped, share, sizeText, spreadOf, summed } from "./levels.js";

const MOST = 15, LEAST = 4;
const ROW = 17, TALLEST = 24, AROUND = 80; // px of a row; of the buttons, the head and the middle together
const FLASH_MS = 200;
const GROUPS = [1, 10, 100];

export class Ladder {
  constructor(slot, store, data, onRow) {
    this.store = store;
    this.data = data;
    this.group = 1;
    this.seen = { bids: new Map(), asks: new Map() };
    this.buttons = GROUPS.map((ticks) => {
      const button = make("button", { type: "button", text: String(ticks) });
      button.addEventListener("click", () => { this.group = ticks; this.seen.step = null; soon(this); });
      return button;
    });
    this.label = make("button", { type: "button", class: "x", "data-x": "book", "data-t": "group" });
    this.buttonBox = make("div", { class: "grouping", role: "group", "data-name": "group" }, this.label, ...this.buttons);
    this.heads = ["price", "size", "sum"].map((key) => make("th", { scope: "col", "data-t": key }));
    this.body = make("tbody");
    this.table = make("table", { class: "ladder" }, make("thead", {}, make("tr", {}, ...this.heads)), this.body);
    this.none = make("p", { class: "none" });
    this.box = make("div", { class: "ladder-box" }, this.buttonBox, this.table, this.none);
    slot.append(this.box);
    this.middle = make("b");
    this.spread = make("span");
    this.rows = Array.from({ length: 2 * MOST }, (_, at) => this.row(at < MOST ? "ask" : "bid", onRow));
    this.mid = make("tr", { class: "mid" }, make("td", { colspan: "3" }, this.middle, this.spread));
    this.body.append(...this.rows.slice(0, MOST).map((row) => row.row), this.mid, ...this.rows.slice(MOST).map((row) => row.row));
    this.count = MOST;
    new ResizeObserver(() => this.sized()).observe(this.box);
  }

  row(side, onRow) {
    const bar = make("i", { "aria-hidden": "true" });
    const [price, size, sum] = [make("b"), make("b"), make("b")]; // blocks of a fixed size: a new text lays out nothing else
    const row = make("tr", { class: side }, make("td", {}, bar, price), make("td", {}, size), make("td", {}, sum));
    const entry = { row, bar, price, size, sum, at: null, long: -1, flashed: 0 };
    if (onRow) { row.addEventListener("pointerenter", () => onRow(entry.at)); row.addEventListener("pointerleave", () => onRow(null)); }
    return entry;
  }

  sized() {
    const rows = Math.max(LEAST, Math.min(MOST, Math.floor((this.box.clientHeight - AROUND) / ROW / 2)));
    const tall = Math.max(ROW, Math.min(TALLEST, Math.floor((this.box.clientHeight - AROUND) / rows / 2)));
    if (tall !== this.tall) { this.tall = tall; this.table.style.setProperty("--row", `${tall}px`); }
    if (rows !== this.count) { this.count = rows; soon(this); }
  }

  paint() {
    const { book } = this.data;
    this.buttons.forEach((button, at) => { mark(button, "aria-pressed", String(GROUPS[at] === this.group)); mark(button, "title", t("group-ticks", { ticks: GROUPS[at] })); });
    this.table.hidden = this.buttonBox.hidden = !book;
    this.none.hidden = Boolean(book);
    if (!book) { this.letters = null; put(this.none, t(hasBook(this.store) ? "waiting-book" : "no-book")); return; }
    const step = this.data.tick * BigInt(this.group), now = performance.now();
    const bids = grouped(book.bids, step, true).slice(0, this.count), asks = grouped(book.asks, step, false).slice(0, this.count);
    const sums = { bid: summed(bids), ask: summed(asks) }, ends = [sums.bid.at(-1) ?? 0n, sums.ask.at(-1) ?? 0n], most = ends[ends[0] < ends[1] ? 1 : 0];
    const letters = [0, 0, 0];
    const compare = this.seen.step === step && this.seen.digits === book.digits && this.seen.sizeDigits === book.sizeDigits && !this.still;
    for (let at = 0; at < 2 * MOST; at += 1) {
      const isAsk = at < MOST, place = isAsk ? MOST - 1 - at : at - MOST;
      const side = isAsk ? asks : bids, entry = this.rows[at], level = side[place];
      entry.row.hidden = place >= this.count;
      if (entry.row.hidden) continue;
      const sum = sums[isAsk ? "ask" : "bid"][place];
      entry.at = level ? level[0] : null;
      const texts = level ? [write(level[0], book.digits), sizeText(level[1], book.sizeDigits), sizeText(sum, book.sizeDigits)] : ["", "", ""];
      [entry.price, entry.size, entry.sum].forEach((cell, column) => { put(cell, texts[column]); letters[column] = Math.max(letters[column], texts[column].length); });
      const long = level ? share(sum, most) : 0;
      if (long !== entry.long) { entry.long = long; entry.bar.style.transform = `scaleX(${long})`; }
      const before = level && this.seen[isAsk ? "asks" : "bids"].get(level[0]);
      const changed = compare && level && before !== level[1] && (before != null || place < side.length - 1);
      if (changed) { if (!entry.flashed) entry.row.setAttribute("data-flash", ""); entry.flashed = now; }
    }
    this.seen = { step, digits: book.digits, sizeDigits: book.sizeDigits, bids: new Map(bids), asks: new Map(asks) };
    this.fadeLater();
    this.widen(letters);
    const spread = spreadOf(book, this.data.tick);
    put(this.middle, spread ? spread.mid : "–");
    put(this.spread, spread ? t(spread.ticks === "1" ? "spread-one" : "spread-line", spread) : "");
    this.tellAge();
  }

  widen(letters) { // a price is never cut
    const most = letters.map((count, at) => Math.max(count, this.letters?.[at] ?? 0));
    if (String(most) === String(this.letters)) return;
    this.letters = most;
    const shown = this.heads.filter((head) => head.offsetParent), whole = shown.reduce((sum, head) => sum + most[this.heads.indexOf(head)] + 1, 0);
    for (const head of shown) head.style.width = `${(100 * (most[this.heads.indexOf(head)] + 1)) / whole}%`;
    mark(this.table, "data-long", whole * 7 + 12 > this.table.clientWidth ? "" : null);
  }

  fadeLater() {
    if (this.later || !this.rows.some((entry) => entry.flashed)) return;
    this.later = setTimeout(() => { this.later = 0; this.fade(); this.fadeLater(); }, FLASH_MS);
  }

  fade() {
    const now = performance.now();
    for (const entry of this.rows) if (entry.flashed && now - entry.flashed >= FLASH_MS) { entry.flashed = 0; entry.row.removeAttribute("data-flash"); }
  }

  tellAge() {
    const { book } = this.data;
    const old = book && oldText(this.store, this.store.now - book.t);
    mark(this.box, "data-old", old ? "" : null);
    mark(this.table, "aria-label", old || t("ladder"));
  }
}
