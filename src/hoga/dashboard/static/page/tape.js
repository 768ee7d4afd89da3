// The tape: the last trades of the chosen instrument, newest on top.
import { parse, rounded, scaled, usefulDigits, write } from "./decimal.js";
import { make, mark, put } from "./dom.js";
import { moment } from "./format.js";
import { t } from "./i18n.js";
import { isLocal } from "./view.js";

export class Tape {
  constructor(slot, store, data, rows = 12) {
    this.store = store;
    this.data = data;
    const heads = ["tape-time", "price", "size"].map((key) => make("th", { scope: "col", "data-t": key }));
    this.rows = Array.from({ length: rows }, () => { const cells = [make("td"), make("td"), make("td")]; return { row: make("tr", {}, ...cells), cells, n: null }; });
    this.table = make("table", { class: "tape" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...this.rows.map((each) => each.row)));
    this.none = make("p", { class: "none" });
    slot.append(this.table, this.none);
  }

  paint() {
    const { book, trades, traded, lost } = this.data;
    mark(this.table, "aria-label", t("tape"));
    this.table.hidden = !trades.length;
    this.none.hidden = trades.length > 0 && !lost;
    put(this.none, traded === null ? t("tape-never") : lost && trades.length ? t("tape-lost", { count: lost }) : t("tape-none"));
    this.rows.forEach(({ row, cells }, at) => {
      const trade = trades[trades.length - 1 - at];
      mark(row, "class", trade ? (trade.side > 0 ? "bid" : "ask") : null);
      mark(cells[0], "title", trade ? cells[0].textContent : null);
      put(cells[0], trade ? moment(trade.t, this.store.now, isLocal()) : "");
      put(cells[1], trade ? `${trade.side > 0 ? "▲" : "▼"} ${plain(trade.price, book?.digits)}` : "");
      put(cells[2], trade ? plain(trade.size, Math.min(5, book?.sizeDigits ?? 0)) : "");
    });
  }
}

// As it came, thousands apart; with the ladder's digits, or more where they tell something.
function plain(text, least = 0) {
  const read = parse(text);
  if (!read) return text;
  const digits = Math.max(least, usefulDigits(read.units, read.digits));
  return write(digits > read.digits ? scaled(read, digits) : rounded(read.units, read.digits, digits), digits);
}
