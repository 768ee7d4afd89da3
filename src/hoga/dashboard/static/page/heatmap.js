// Depth over time: a column of sizes for each moment, the best two as lines, trades as dots.
import { axis } from "./axis.js";
import { columnAt, HOLD_MS, KEPT_MS, reachOf } from "./bookdata.js";
import { hasBook } from "./chosen.js";
import { write } from "./decimal.js";
import { make, put } from "./dom.js";
import { clock } from "./format.js";
import { soon } from "./frames.js";
import { t } from "./i18n.js";
import { clear, ink, mix, parts } from "./ink.js";
import { Paper } from "./paper.js";
import { marks } from "./timeline.js";
import { isLocal } from "./view.js";

const WINDOWS = [30_000, 60_000, 120_000, KEPT_MS]; // so long is what is shown while there is no more
const BOTTOM = 18, SHADES = 64, DOT_MOST = 4;

export class Heatmap {
  constructor(slot, store, data) {
    this.store = store;
    this.data = data;
    this.read = make("span", { class: "values" });
    this.box = make("div", { class: "heat" });
    this.told = make("p", { class: "quiet", "aria-live": "polite" });
    slot.append(make("figure", { class: "heat-figure" }, make("figcaption", {}, make("button", { type: "button", class: "x", "data-x": "heat", "data-t": "heat" }), this.read), this.box, this.told));
    this.heat = document.createElement("canvas");
    this.side = 0;
    this.low = this.high = null;
    this.point = null; // where the mouse is
    this.mark = null; // a price that the ladder points at
    this.largest = 0;
    this.paper = new Paper(this.box, { name: "heat", focus: true, onSize: (width, height, ratio, done) => { if (done) { this.whole = true; this.paint(); } return Math.max(120, height); } });
    const { canvas } = this.paper;
    canvas.addEventListener("pointermove", (event) => this.hover(event));
    canvas.addEventListener("pointerleave", () => { this.point = null; axis.setCursor(null); soon(this); });
    canvas.addEventListener("dblclick", () => axis.back());
    canvas.addEventListener("keydown", (event) => this.key(event));
    axis.on((what) => { if (what === "span") this.whole = true; soon(this); });
  }

  restyle() { this.look = -1; soon(this); }

  // From and to: what the page shows, as far as books are kept.
  window() {
    const [from, to] = axis.span(this.store.now);
    const newest = axis.paused || this.store.now;
    if (axis.zoom && from >= this.store.now - KEPT_MS && to - from <= KEPT_MS) return [from, to];
    const known = this.data.columns.length ? newest - this.data.columns[0].t : KEPT_MS, asked = axis.zoom ? KEPT_MS : to - from;
    return [newest - (WINDOWS.find((each) => each >= known || each >= asked) ?? KEPT_MS), newest];
  }

  paint() {
    const { paper, data } = this;
    const [from, to] = [this.from, this.to] = this.window();
    if (!paper.ctx) { this.say(); return; }
    if (!paper.width) return; // out of sight
    const { ctx, ratio } = paper, colours = ink();
    if (this.look !== colours.turn) { this.look = colours.turn; this.shade(colours); this.whole = true; }
    const columns = data.columns;
    const wide = Math.max(10, Math.round(paper.width * ratio) - this.edge()), high = Math.max(10, Math.round((paper.height - BOTTOM) * ratio));
    const per = (to - from) / wide, last = Math.floor(to / per);
    if (this.turn !== data.turn || wide !== this.heat.width || high !== this.heat.height || Math.abs(per - this.per) > 1e-6) this.whole = true;
    this.fit(columns, from, high);
    if (this.whole || !this.drawn || last - this.drawn >= wide || last < this.drawn) {
      this.whole = false;
      this.turn = data.turn;
      this.per = per;
      this.heat.width = wide; this.heat.height = high;
      this.brush = this.heat.getContext("2d", { alpha: false });
      this.largest = typical(columns) || this.largest;
      this.fillColumns(columns, last - wide + 1, last, 0);
    } else if (last > this.drawn) {
      const by = last - this.drawn;
      this.brush.drawImage(this.heat, -by, 0);
      this.fillColumns(columns, this.drawn, last, wide - by - 1);
      const size = columns.length ? largestOf(columns[columns.length - 1]) : 0;
      this.largest = this.largest ? this.largest * 0.99 + size * 0.01 : size;
    } else if (!this.touched) return;
    this.touched = false;
    this.drawn = last;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = colours.card;
    ctx.fillRect(0, 0, paper.canvas.width, paper.canvas.height);
    ctx.drawImage(this.heat, 0, 0);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.wide = wide / ratio; this.tall = high / ratio;
    if (this.low != null) { this.drawTrades(colours); this.drawPrices(colours); }
    this.drawTimes(colours);
    if (this.low == null) this.drawWords(colours); else if (this.reading) this.reading.drawCross(this, colours); else if (this.point || this.mark != null || axis.cursor != null) this.beginReading();
    this.say();
  }

  edge() {
    const { book } = this.data;
    const text = book?.bids.length ? write(book.bids[0][0], book.digits) : "00,000.00";
    if (text.length !== this.edgeLength) { this.edgeLength = text.length; this.paper.ctx.font = ink().font; this.edgeWide = Math.ceil(this.paper.ctx.measureText(text.replace(/\d/g, "0")).width) + 12; }
    return Math.round(this.edgeWide * this.paper.ratio);
  }

  // The prices that are shown stay as long as they do: a picture that jumps cannot be read.
  fit(columns, from, high) {
    const wanted = reachOf(columns, from);
    if (!wanted) { if (!columns.length) this.low = this.high = null; return; }
    const [low, up] = wanted, has = this.high - this.low;
    if (this.low != null && this.turn === this.data.turn && low >= this.low && up <= this.high && (up - low) > has * 0.45) return;
    const spare = Math.max(1, (up - low) * 0.15);
    this.low = low - spare; this.high = up + spare;
    this.scale = high / (this.high - this.low);
    this.whole = true;
  }

  shade(colours) {
    const word = (colour) => { const [r, g, b] = parts(colour); return (255 << 24) | (b << 16) | (g << 8) | r; };
    this.paperWord = word(colours.card);
    this.lineWords = { bids: word(colours.bid), asks: word(colours.ask) };
    this.words = { bids: new Int32Array(SHADES), asks: new Int32Array(SHADES) };
    for (const [side, colour] of [["bids", colours.bid], ["asks", colours.ask]]) {
      for (let at = 0; at < SHADES; at += 1) this.words[side][at] = word(mix(colour, colours.card, 0.08 + (0.72 * at) / (SHADES - 1)));
    }
  }

  // Columns `first` to `last` (of `per` ms since 1970) into the picture from x on.
  fillColumns(columns, first, last, x) {
    const wide = last - first + 1, { height } = this.heat;
    if (wide <= 0) return;
    const image = this.brush.createImageData(wide, height), dots = new Int32Array(image.data.buffer);
    dots.fill(this.paperWord);
    if (this.low != null && columns.length) {
      this.scale = height / (this.high - this.low);
      const thick = Math.max(2, Math.min(Math.round(8 * this.paper.ratio), Math.floor(this.scale * Number(this.data.tick) * 10 ** (this.data.digits - (this.data.book?.digits ?? this.data.digits)))));
      for (let at = 0; at < wide; at += 1) {
        const column = columnAt(columns, (first + at + 1) * this.per, HOLD_MS);
        if (column) this.fillColumn(dots, column, at, wide, height, thick);
      }
    }
    this.brush.putImageData(image, x, 0);
  }

  fillColumn(dots, column, x, wide, height, thick) {
    for (const name of ["bids", "asks"]) {
      const side = column[name], words = this.words[name];
      for (let at = side.length - 2; at >= 0; at -= 2) {
        const shade = Math.min(SHADES - 1, Math.floor(Math.sqrt(side[at + 1] / (this.largest || 1)) * (SHADES - 1)));
        this.stroke(dots, side[at], words[shade], x, wide, height, thick);
      }
    }
    for (const name of ["bids", "asks"]) if (column[name].length) this.stroke(dots, column[name][0], this.lineWords[name], x, wide, height, Math.max(1, Math.round(this.paper.ratio)));
  }

  stroke(dots, price, word, x, wide, height, thick) {
    const y = Math.round((this.high - price) * this.scale - thick / 2);
    for (let row = Math.max(0, y); row < Math.min(height, y + thick); row += 1) dots[row * wide + x] = word;
  }

  y(price) { return ((this.high - price) / (this.high - this.low)) * this.tall; }
  x(at) { return ((at - this.from) / (this.to - this.from)) * this.wide; }

  drawTrades(colours) {
    const { ctx } = this.paper, { trades } = this.data;
    let most = 0;
    const seen = trades.filter((trade) => trade.t >= this.from && trade.t <= this.to && trade.at >= this.low && trade.at <= this.high);
    for (const trade of seen) most = Math.max(most, Number(trade.size));
    ctx.lineWidth = 1;
    for (const side of [1, -1]) {
      ctx.fillStyle = side > 0 ? colours.bid : colours.ask;
      ctx.strokeStyle = colours.card;
      for (const trade of seen) {
        if (Math.sign(trade.side) !== side) continue;
        ctx.beginPath();
        ctx.arc(this.x(trade.t), this.y(trade.at), 1 + (DOT_MOST - 1) * Math.sqrt(Number(trade.size) / most), 0, 7);
        ctx.fill();
        ctx.stroke();
      }
    }
  }

  // Round prices at the right, and the two best as tags.
  drawPrices(colours) {
    const { ctx } = this.paper, { digits, book } = this.data;
    const step = roundStep((this.high - this.low) / Math.max(2, Math.floor(this.tall / 34)));
    ctx.font = colours.font;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.fillStyle = colours.line;
    ctx.fillRect(this.wide, 0, 1, this.tall);
    const tags = book?.bids.length && book.asks.length ? [["bid", book.bids[0][0]], ["ask", book.asks[0][0]]].map(([side, price]) => [side, write(price, book.digits), this.y(Number(price) * 10 ** (digits - book.digits))]) : [];
    if (tags.length && tags[0][2] - tags[1][2] < 15) { const middle = (tags[0][2] + tags[1][2]) / 2; tags[0][2] = middle + 7.5; tags[1][2] = middle - 7.5; }
    for (let price = Math.ceil(this.low / step) * step; price <= this.high; price += step) {
      const y = this.y(price);
      if (y < 7 || y > this.tall - 7 || tags.some((tag) => Math.abs(tag[2] - y) < 15)) continue;
      ctx.fillStyle = clear(colours.soft, 0.18);
      ctx.fillRect(0, Math.round(y), this.wide, 1);
      ctx.fillStyle = colours.soft;
      ctx.fillText(write(BigInt(Math.round(price)), digits), this.wide + 6, y);
    }
    for (const [side, text, y] of tags) {
      ctx.fillStyle = colours[side];
      ctx.fillRect(this.wide + 1, y - 7.5, this.paper.width - this.wide - 1, 15);
      ctx.fillStyle = colours.card;
      ctx.fillText(text, this.wide + 6, y + 0.5);
    }
  }

  drawTimes(colours) {
    const { ctx } = this.paper;
    const [at, fine] = marks(this.from, this.to, Math.max(2, Math.floor(this.wide / 62)), isLocal());
    ctx.font = colours.font;
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    ctx.fillStyle = colours.line;
    ctx.fillRect(0, this.tall, this.wide, 1);
    ctx.fillStyle = colours.soft;
    for (const each of at) { const x = this.x(each); if (x > 20 && x < this.wide - 20) ctx.fillText(clock(each, isLocal(), fine), x, this.tall + 4); }
  }

  drawWords(colours) {
    const { ctx } = this.paper;
    ctx.font = `13px ${colours.font.slice(5)}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillStyle = colours.soft;
    ctx.fillText(t(hasBook(this.store) ? "waiting-book" : "no-book"), this.wide / 2, this.tall / 2, this.wide - 20);
  }

  say() {
    const { book } = this.data, best = book?.bids.length && book.asks.length ? t("heat-best", { bid: write(book.bids[0][0], book.digits), ask: write(book.asks[0][0], book.digits) }) : t("waiting-book");
    this.paper.say(t("heat-alt", { name: this.store.choice, minutes: Math.round((this.to - this.from) / 60_000) || 1, best }));
  }

  // What is said under a cursor is loaded with the first one.
  beginReading() {
    if (this.reading !== undefined) return;
    this.reading = null;
    import("./heat-reading.js").then((found) => { this.reading = found; this.touched = true; soon(this); }, () => { this.reading = undefined; });
  }

  hover(event) {
    const box = this.paper.canvas.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    this.point = x >= 0 && x <= this.wide && y >= 0 && y <= this.tall ? { x, y } : null;
    this.touched = true;
    axis.setCursor(this.point ? this.from + (x / this.wide) * (this.to - this.from) : null);
    soon(this);
  }

  pointAt(price) { this.mark = price; this.touched = true; soon(this); }

  key(event) {
    const by = { ArrowLeft: [-4, 0], ArrowRight: [4, 0], ArrowUp: [0, -4], ArrowDown: [0, 4] }[event.key];
    if (event.key === "Escape") this.point = null;
    else if (!by || !this.wide) return;
    else {
      const from = this.point ?? { x: this.wide - 1, y: this.tall / 2 };
      const { x, y } = this.point = { x: Math.max(0, Math.min(this.wide, from.x + by[0])), y: Math.max(0, Math.min(this.tall, from.y + by[1])) };
      if (this.low != null && this.reading) put(this.told, this.reading.readAt(this, this.from + (x / this.wide) * (this.to - this.from), this.high - (y / this.tall) * (this.high - this.low)));
    }
    event.preventDefault();
    event.stopPropagation();
    this.touched = true;
    soon(this);
  }
}

const largestOf = ({ bids, asks }) => { let most = 0; for (const side of [bids, asks]) for (let at = 1; at < side.length; at += 2) if (side[at] > most) most = side[at]; return most; };

// The largest size of most columns: one wall of orders does not darken all the rest.
function typical(columns) {
  const sizes = [];
  for (let at = 0; at < columns.length; at += Math.max(1, Math.floor(columns.length / 100))) sizes.push(largestOf(columns[at]));
  sizes.sort((a, b) => a - b);
  return sizes[Math.floor(sizes.length * 0.75)];
}

export function roundStep(least) {
  const by = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return Math.max(1, [1, 2, 5, 10].find((each) => each * by >= least) * by);
}
