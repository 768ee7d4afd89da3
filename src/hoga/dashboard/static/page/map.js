// The map of streams: one cell each. Colour and shape are the state, brightness is the rate against its own usual one.
import { axis } from "./axis.js";
import { brightness, cellAt, grid, step, tally } from "./cells.js";
import { choosePlace } from "./chosen.js";
import { make, mark, put, root } from "./dom.js";
import { count, rate } from "./format.js";
import { soon } from "./frames.js";
import { isAsked, severity, STATES } from "./states.js";
import { addWords, t } from "./i18n.js";
import { ink, mix } from "./ink.js";
import { Paper } from "./paper.js";
import { plainWord, venueText } from "./words.js";

const MOST_PX = 200, MOST_TABS_PX = 160; // of height, where they fit with the smallest cells
const touch = matchMedia("(hover: none)");
const LIGHT = [0.16, 0.34, 0.56, 0.8, 1];

export async function mount(slot, store) {
  await addWords("map");
  new StreamMap(slot, store);
}

class StreamMap {
  constructor(slot, store) {
    this.store = store;
    this.line = make("p", { class: "map-line" });
    this.legend = make("ul", { class: "map-key" });
    this.told = make("p", { class: "quiet", "aria-live": "polite" });
    this.box = make("div", { class: "map" });
    slot.append(this.box, this.line, this.legend, this.told);
    this.shown = new Uint8Array(0);
    this.chosen = [];
    this.at = -1;
    this.layout = null;
    this.look = -1;
    this.paper = new Paper(this.box, { name: "p-map", focus: true, onSize: (...size) => this.sized(...size) });
    const { canvas } = this.paper;
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener("click", (event) => { this.point(event); this.choose(this.at); });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.hover(-1));
    for (const key of ["meta", "rows", "choice", "look"]) store.on(key, () => { if (key !== "rows" || !axis.paused) soon(this); });
    soon(this);
  }

  get count() { return this.store.meta?.streams.length ?? 0; }

  sized(width, _, ratio, done) {
    const most = root.dataset.mode === "tabs" ? MOST_TABS_PX : MOST_PX;
    const layout = grid(Math.max(1, this.count), Math.floor(width), most);
    if (done) {
      this.layout = { ...layout, dot: Math.floor(layout.size * ratio), size: Math.floor(layout.size * ratio) / ratio };
      this.shown = new Uint8Array(this.count).fill(255);
      this.all = true;
      this.paint(); // in the same frame: a resized canvas is empty
    }
    return layout.height;
  }

  paint() {
    if (!this.count) { put(this.line, t("map-none")); return; }
    if (!this.paper.ctx) { this.tell(); return; }
    if (this.fitted !== this.count) { this.fitted = this.count; this.layout = null; this.paper.height = 0; this.paper.fit(); return; } // which paints
    if (!this.layout) return; // out of sight: it is laid out when it comes into it
    const colours = ink();
    if (this.look !== colours.turn || this.atlasDot !== this.layout.dot) { this.atlas = this.drawAtlas(colours); this.look = colours.turn; this.atlasDot = this.layout.dot; this.all = true; }
    const { ctx } = this.paper;
    if (this.all) {
      ctx.fillStyle = colours.card;
      ctx.fillRect(0, 0, this.paper.canvas.width, this.paper.canvas.height);
      this.shown.fill(255);
      this.all = false;
    }
    const { rows } = this.store;
    const now = this.store.chosenStreams();
    for (const at of this.chosen) if (at < this.count) this.shown[at] = 255;
    this.chosen = now;
    const { columns, dot } = this.layout;
    for (let at = 0; at < this.count; at += 1) {
      const state = severity(rows.st[at]);
      const sign = state === 0 ? isAsked(this.store.meta.streams[at]) ? 3 : brightness(rows.rate[at], rows.usual?.[at]) : 4 + state;
      if (this.shown[at] === sign) continue;
      this.shown[at] = sign;
      ctx.drawImage(this.atlas, sign * dot, 0, dot, dot, (at % columns) * dot, Math.floor(at / columns) * dot, dot, dot);
    }
    for (const at of now) { this.ring(at, colours.ink); this.shown[at] = 254; }
    if (this.at >= 0 && this.at < this.count) { this.ring(this.at, colours.accent); this.shown[this.at] = 254; }
    this.tell();
  }

  ring(at, colour) {
    const { columns, dot } = this.layout, { ctx } = this.paper;
    const line = Math.max(1, Math.round(dot / 8));
    ctx.strokeStyle = colour;
    ctx.lineWidth = line;
    ctx.strokeRect((at % columns) * dot + line / 2, Math.floor(at / columns) * dot + line / 2, dot - line, dot - line);
  }

  // Every look of a cell: 0 to 4 recording (by brightness), then `STATES` from 1 on.
  drawAtlas(colours) {
    const { dot } = this.layout;
    const atlas = document.createElement("canvas");
    atlas.width = dot * (5 + STATES.length);
    atlas.height = dot;
    const ctx = atlas.getContext("2d", { alpha: false });
    ctx.fillStyle = colours.card;
    ctx.fillRect(0, 0, atlas.width, dot);
    for (let look = 0; look < 4 + STATES.length; look += 1) drawCell(ctx, look * dot, dot, look, colours);
    return atlas;
  }

  point(event) {
    if (!this.layout) return;
    const box = this.paper.canvas.getBoundingClientRect();
    this.hover(cellAt(this.layout, this.count, event.clientX - box.left, event.clientY - box.top));
  }

  hover(at) {
    if (at === this.at) return;
    if (this.at >= 0 && this.at < this.shown.length) this.shown[this.at] = 255;
    this.at = at;
    soon(this);
  }

  choose(at) { if (at >= 0) choosePlace(this.store, this.store.instrumentOf[at].place); }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if ((event.key === "Enter" || event.key === " ") && this.at >= 0) { event.preventDefault(); event.stopPropagation(); this.choose(this.at); return; }
    if (!this.layout) return;
    const from = this.at >= 0 ? this.at : this.chosen[0] ?? 0;
    const to = this.at < 0 && event.key.startsWith("Arrow") ? from : step(this.layout, this.count, from, event.key);
    if (to == null) return;
    event.preventDefault();
    event.stopPropagation();
    this.hover(to);
    put(this.told, this.describe(to));
  }

  describe(at) {
    const { meta, rows } = this.store;
    const [name, venue, symbol] = meta.streams[at];
    const usual = rows.usual?.[at];
    return [`${symbol} · ${venueText(venue, this.store)} · ${name}`, t(`s-${STATES[severity(rows.st[at])]}`), `${rate(rows.rate[at])}/s${usual ? ` (${t("map-usual", { rate: rate(usual) })})` : ""}`].join(" · ");
  }

  tell() {
    const counts = tally(this.store.rows.st);
    const words = STATES.map((name, at) => (counts[at] ? `${count(counts[at])} ${plainWord(t(`s-${name}`))}` : "")).filter(Boolean);
    const text = this.at >= 0 && this.at < this.count ? this.describe(this.at) : t(touch.matches || root.dataset.mode === "tabs" ? "map-touch" : "map-hint", { streams: count(this.count) });
    put(this.line, text);
    mark(this.line, "title", text);
    const sign = `${words.join()}${this.look}`;
    if (sign !== this.sign) { this.sign = sign; this.drawLegend(counts); }
    this.paper.say(t("map-alt", { streams: count(this.count), states: words.join(", ") }));
  }

  drawLegend(counts) {
    if (!this.paper.ctx) return;
    this.entries ??= STATES.map(() => {
      const sample = make("canvas", { "aria-hidden": "true", class: "map-sample" }), words = make("span");
      const item = make("li", {}, sample, words);
      this.legend.append(item);
      return { item, sample, words, look: -1 };
    });
    if (!this.frame) this.legend.append(make("li", {}, make("i", { class: "map-frame" }), this.frame = make("span")));
    put(this.frame, t("map-chosen"));
    const dot = Math.round(12 * (devicePixelRatio || 1));
    this.entries.forEach((entry, at) => {
      entry.item.hidden = !counts[at];
      put(entry.words, `${count(counts[at])} ${plainWord(t(`s-${STATES[at]}`))}`);
      if (entry.look === this.look || !counts[at]) return;
      entry.look = this.look;
      entry.sample.width = entry.sample.height = dot;
      const ctx = entry.sample.getContext("2d", { alpha: false });
      ctx.fillStyle = ink().card;
      ctx.fillRect(0, 0, dot, dot);
      drawCell(ctx, 0, dot, at === 0 ? 3 : 4 + at, ink());
    });
  }
}

// Shapes tell the states apart where colours do not: full = recording, hollow = silent, hatched = too late, crossed = no connection,
// barred = disk full, a dot = never seen, a ring = not known.
function drawCell(ctx, x, dot, look, colours) {
  const gap = dot >= 8 ? Math.max(1, Math.round(dot / 12)) : 1;
  const side = dot - gap, w = Math.max(1, Math.round(side / 6));
  const fill = (colour, left = 0, top = 0, wide = side, high = side) => { ctx.fillStyle = colour; ctx.fillRect(x + left, top, wide, high); };
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, 0, side, side);
  ctx.clip();
  if (look < 5) {
    fill(mix(colours.good, colours.card, LIGHT[look]));
  } else {
    const name = STATES[look - 4];
    if (name === "never" || name === "unknown") {
      fill(mix(colours.soft, colours.card, 0.18));
      const inner = Math.max(2, Math.round(side / 3)), at = Math.floor((side - inner) / 2);
      fill(colours.soft, at, at, inner, inner);
      if (name === "unknown" && inner > 3) fill(colours.card, at + 1, at + 1, inner - 2, inner - 2);
    } else if (name === "silent") {
      fill(colours.bad);
      fill(colours.card, 1 + w, 1 + w, side - 2 * (1 + w), side - 2 * (1 + w));
    } else if (name === "disk") {
      fill(colours.bad);
      fill(colours.card, 0, Math.floor(side / 2) - Math.ceil(w / 2), side, w + 1);
    } else {
      fill(colours.bad);
      ctx.strokeStyle = colours.card;
      ctx.lineWidth = w;
      ctx.beginPath();
      if (name === "gated") {
        for (let at = 0; at < 2 * side; at += 3 * w) { ctx.moveTo(x + at, 0); ctx.lineTo(x + at - side, side); }
      } else {
        ctx.moveTo(x, 0); ctx.lineTo(x + side, side);
        if (name === "disconnected") { ctx.moveTo(x + side, 0); ctx.lineTo(x, side); }
      }
      ctx.stroke();
    }
  }
  ctx.restore();
}

