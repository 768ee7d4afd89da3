// Ladder and heatmap of the chosen stream. Both are drawn from the ladders that came; at most 600 of them are kept.
import { byId, make, put } from "./dom.js";
import { digitsOf } from "./format.js";
import { t } from "./i18n.js";

const LEVELS = 10;
const COLUMN = 1;
const WIDTH = 480;
const HEIGHT = 160;

export class Book {
  constructor(model) {
    this.model = model;
    this.rows = [];
    this.canvas = byId("heat");
    this.canvas.width = WIDTH;
    this.canvas.height = HEIGHT;
    this.paper = this.canvas.getContext("2d", { alpha: false });
    const body = document.querySelector("#ladder tbody");
    for (let at = 0; at < 2 * LEVELS + 1; at += 1) {
      const middle = at === LEVELS;
      const row = make("tr", { class: middle ? "mid" : at < LEVELS ? "ask" : "bid" });
      if (middle) {
        const cell = make("td", { colspan: "2" });
        row.append(cell);
        this.middle = cell;
      } else {
        const bar = make("i", { "aria-hidden": "true" });
        const price = make("b"), size = make("b");
        row.append(make("td", {}, price), make("td", {}, bar, size));
        this.rows.push({ bar, price, size });
      }
      body.append(row);
    }
    this.clear();
  }

  clear() {
    this.model.ladders.length = 0;
    this.model.ladder = null;
    this.low = this.high = null;
    this.digits = 0;
    this.sizeDigits = 0;
    this.largest = 0;
    this.seen = 0;
    for (const row of this.rows) { put(row.price, ""); put(row.size, ""); row.bar.style.transform = "scaleX(0)"; }
    put(this.middle, "–");
    this.paper.fillStyle = "#0b1015";
    this.paper.fillRect(0, 0, WIDTH, HEIGHT);
  }

  paint() {
    const { ladder } = this.model;
    if (!ladder) return;
    this.paintLadder(ladder);
    this.paintHeat(ladder);
  }

  paintLadder({ bids, asks }) {
    const shown = [...asks.slice(0, LEVELS).reverse(), ...bids.slice(0, LEVELS)];
    if (!shown.length) return;
    if (this.seen < 20) {
      this.digits = Math.max(this.digits, digitsOf(shown.map((level) => level[0])));
      this.sizeDigits = Math.max(this.sizeDigits, digitsOf(shown.map((level) => level[1])));
    }
    const pad = LEVELS - Math.min(LEVELS, asks.length);
    const most = Math.max(...shown.map((level) => level[1]));
    this.rows.forEach((row, at) => {
      const level = at < LEVELS ? asks[LEVELS - 1 - at] : bids[at - LEVELS];
      put(row.price, level ? level[0].toFixed(this.digits) : "");
      put(row.size, level ? level[1].toFixed(this.sizeDigits) : "");
      row.bar.style.transform = `scaleX(${level && most ? (level[1] / most).toFixed(3) : 0})`;
    });
    if (asks.length && bids.length && pad < LEVELS) put(this.middle, t("spread", { spread: (asks[0][0] - bids[0][0]).toFixed(this.digits) }));
  }

  paintHeat(ladder) {
    const { bids, asks } = ladder;
    if (!bids.length || !asks.length) return;
    const middle = (bids[0][0] + asks[0][0]) / 2;
    const reach = Math.max(asks[asks.length - 1][0] - middle, middle - bids[bids.length - 1][0]) * 1.25;
    const out = this.low == null || middle < this.low + (this.high - this.low) * 0.25 || middle > this.high - (this.high - this.low) * 0.25 || (this.high - this.low) < reach;
    const size = Math.max(...bids.map((level) => level[1]), ...asks.map((level) => level[1]));
    this.largest = this.seen ? this.largest * 0.995 + size * 0.005 : size;
    this.seen += 1;
    if (out) {
      this.low = middle - reach * 2;
      this.high = middle + reach * 2;
      this.paper.fillStyle = "#0b1015";
      this.paper.fillRect(0, 0, WIDTH, HEIGHT);
      const past = this.model.ladders.slice(-WIDTH / COLUMN);
      past.forEach((each, at) => this.column(each, WIDTH - (past.length - at) * COLUMN));
      return;
    }
    this.paper.drawImage(this.canvas, -COLUMN, 0);
    this.paper.fillStyle = "#0b1015";
    this.paper.fillRect(WIDTH - COLUMN, 0, COLUMN, HEIGHT);
    this.column(ladder, WIDTH - COLUMN);
  }

  column({ bids, asks }, x) {
    const scale = HEIGHT / (this.high - this.low);
    const style = this.colours ??= colours();
    for (const [side, colour] of [[bids, style.bid], [asks, style.ask]]) {
      for (const [price, size] of side) {
        const y = Math.round((this.high - price) * scale);
        this.paper.fillStyle = `rgba(${colour},${Math.min(1, 0.12 + 0.88 * Math.sqrt(size / (this.largest || 1))).toFixed(2)})`;
        this.paper.fillRect(x, y, COLUMN, 2);
      }
    }
    if (bids.length && asks.length) {
      this.paper.fillStyle = "#ffffff";
      this.paper.fillRect(x, Math.round((this.high - (bids[0][0] + asks[0][0]) / 2) * scale), COLUMN, 1);
    }
  }

  restyle() { this.colours = null; this.low = null; this.model.dirty.add("book"); }
}

function colours() {
  return document.documentElement.dataset.colours === "korea" ? { bid: "255,110,100", ask: "110,170,255" } : { bid: "70,210,140", ask: "255,110,100" };
}
