// What is known of the chosen instrument: the newest book, the books of five minutes, the newest trades. All of it bounded.
import { parse, scaled, usefulDigits } from "./decimal.js";
import { measured, tickOf } from "./levels.js";

export const KEPT_MS = 300_000, HOLD_MS = 3000; // so long a book counts where none came after it
const COLUMN_MS = 250; // one book is kept of each such stretch, the last
const TRADES = 400;
const WIDEST = 3;

export class BookData {
  constructor() { this.clear(); }

  clear() {
    this.book = null; // {digits, sizeDigits, bids, asks, t}
    this.tick = 1n;
    this.found = 0n;
    this.digits = 0; // of prices in columns and trades
    this.columns = []; // {t, bids: Float64Array [price, size, …], asks}
    this.trades = []; // {n, t, price, size (texts), side, at (price in units)}, newest last
    this.traded = undefined; // null: there is no recorded trade stream
    this.lost = 0;
    this.turn = (this.turn ?? 0) + 1; // grows when what was known is to be drawn anew
  }

  takeBook({ t, bids, asks }, tick) {
    const book = measured(bids, asks, this.book);
    book.t = t;
    if (this.book && book.digits !== this.book.digits) this.found *= 10n ** BigInt(book.digits - this.book.digits);
    if (tick == null && book.bids.length) this.found = tickOf(null, book, this.found);
    this.tick = tickOf(tick, book, this.found);
    this.book = book;
    this.finer(book.digits);
    const by = 10 ** (this.digits - book.digits), per = 10 ** book.sizeDigits;
    const flat = (side) => { const out = new Float64Array(2 * side.length); side.forEach(([price, size], at) => { out[2 * at] = Number(price) * by; out[2 * at + 1] = Number(size) / per; }); return out; };
    this.keep({ t, bids: flat(book.bids), asks: flat(book.asks) });
  }

  takeDepth({ unit, cols }) {
    const read = parse(unit);
    if (!read) return;
    this.finer(read.digits);
    const by = 10 ** (this.digits - read.digits) * Number(read.units);
    const flat = (side) => { const out = Float64Array.from(side); for (let at = 0; at < out.length; at += 2) out[at] *= by; return out; };
    const fresh = cols.filter(([t]) => !columnAt(this.columns, t + 500, 1000)); // of what nothing is known, after a break too
    this.columns = [...fresh.map(([t, bids, asks]) => ({ t, bids: flat(bids), asks: flat(asks) })), ...this.columns].sort((a, b) => a.t - b.t);
    this.turn += 1;
  }

  keep(column) {
    const { columns } = this;
    while (columns.at(-1)?.t > column.t) columns.pop(); // the clock was set back
    const last = columns[columns.length - 1];
    if (last && Math.floor(last.t / COLUMN_MS) === Math.floor(column.t / COLUMN_MS)) columns[columns.length - 1] = column; else columns.push(column);
    let old = 0;
    while (columns[old].t < column.t - KEPT_MS) old += 1;
    if (old > 20) columns.splice(0, old);
  }

  takeTrades({ first, list, lost }) {
    if (list == null) { this.traded = null; return; }
    this.traded = true;
    this.lost = lost ?? 0;
    const last = this.trades.at(-1), place = last ? last.n - first : -1;
    if (list.length && place >= 0 && list[place]?.[0] !== last.t) this.trades.length = 0; // numbered anew
    const known = this.trades.at(-1)?.n ?? -Infinity;
    list.forEach(([t, price, size, side], at) => {
      const read = parse(price);
      if (!read || first + at <= known) return;
      this.finer(usefulDigits(read.units, read.digits));
      const most = Math.max(this.digits, read.digits);
      this.trades.push({ n: first + at, t, price, size, side, at: Number(scaled(read, most) / 10n ** BigInt(most - this.digits)) });
    });
    if (this.trades.length > TRADES) this.trades.splice(0, this.trades.length - TRADES);
  }

  // Prices have more digits than was known: what is kept is told in the finer unit.
  finer(digits) {
    if (digits <= this.digits) return;
    const by = 10 ** (digits - this.digits);
    for (const { bids, asks } of this.columns) for (const side of [bids, asks]) for (let at = 0; at < side.length; at += 2) side[at] *= by;
    for (const trade of this.trades) trade.at *= by;
    this.digits = digits;
    if (this.columns.length || this.trades.length) this.turn += 1;
  }
}

// The column that stands at a moment: the last one before its end, unless that is older than `hold`. Columns are by time.
export function columnAt(columns, moment, hold) {
  let low = 0, high = columns.length;
  while (low < high) { const middle = (low + high) >> 1; if (columns[middle].t <= moment) low = middle + 1; else high = middle; }
  const found = columns[low - 1];
  return found && moment - found.t <= hold ? found : null;
}

// The stretch of prices that a picture of `columns` shows, [low, high]: where the best ones were, and how far the newest book reaches.
export function reachOf(columns, from) {
  let low = Infinity, high = -Infinity, newest = null;
  for (const column of columns) {
    if (column.t < from || !column.bids.length || !column.asks.length) continue;
    low = Math.min(low, column.bids[0]);
    high = Math.max(high, column.asks[0]);
    newest = column;
  }
  if (!newest) return null;
  const { bids, asks } = newest;
  const middle = (bids[0] + asks[0]) / 2;
  const reach = Math.max(middle - bids[bids.length - 2], asks[asks.length - 2] - middle, 1);
  const most = reach * WIDEST; // else a day's walk would leave nothing of the depth but a line
  return [Math.max(middle - most, Math.min(low - reach * 0.3, middle - reach * 1.15)), Math.min(middle + most, Math.max(high + reach * 0.3, middle + reach * 1.15))];
}
