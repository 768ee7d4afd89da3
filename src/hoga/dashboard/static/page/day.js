// Days as strips: 24 hours by minute, recorded, missed or not yet. Here that of the chosen instrument; `today` has those of all.
import { axis } from "./axis.js";
import { placeOf } from "./chosen.js";
import { make, mark, put } from "./dom.js";
import { clock, count, share } from "./format.js";
import { soon } from "./frames.js";
import { t } from "./i18n.js";
import { ink, mix } from "./ink.js";
import { Paper } from "./paper.js";
import { countOf, dotsOf, minuteOf, MINUTES, MISSED, read } from "./strips.js";
import { isLocal } from "./view.js";
import { lostText } from "./words.js";

export const ROW = 16, HEAD = 18;
const BAR = 10, DAY_MS = 86_400_000, MINUTE_MS = 60_000;

export function mountDay(slot, store) { return new Day(slot, store); }

export class Day {
  constructor(slot, store) {
    this.store = store;
    this.strips = new Map(); // place of an instrument: {text, counts, read, dots}
    this.order = []; // places, as they stand
    this.at = null; // {row, minute} under the cursor
    this.line = make("p", { class: "day-line" });
    this.told = make("p", { class: "quiet", "aria-live": "polite" });
    this.view = make("div", { class: "day-view" });
    slot.append(this.line, this.view, this.told);
    this.paper = new Paper(this.view, { name: "p-today", focus: true, onSize: (width, height, ratio, done) => { if (done) this.paint(); return this.height(); } });
    const { canvas } = this.paper;
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => { this.at = null; soon(this); });
    canvas.addEventListener("click", (event) => { this.point(event); this.choose(); });
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const kind of ["meta", "strips", "choice", "look"]) store.on(kind, () => { this.arranged = false; soon(this); });
    soon(this);
  }

  // What one day and many differ in.
  places() { return [placeOf(this.store)].filter((place) => place >= 0); }
  height() { return HEAD + ROW; }
  get top() { return 0; } // px that are scrolled away
  edges() { return [0, 0]; } // px at the left and at the right
  drawBeside() {}
  nameOf() { return ""; }
  summary() { return this.minutes(this.order[0]); }
  toRow() {}

  arrange() {
    this.arranged = true;
    const { strips, days } = this.store, places = this.places();
    for (const place of places) {
      const text = strips[place] ?? "";
      if (this.strips.get(place)?.text !== text) this.strips.set(place, { text, counts: countOf(text), read: null, dots: null }); // read when it comes into sight
    }
    if (this.strips.size > places.length) for (const place of this.strips.keys()) if (!places.includes(place)) this.strips.delete(place);
    const missed = (place) => this.strips.get(place).counts.missed, part = (place) => days[place]?.[0] ?? 2;
    this.order = places.sort((a, b) => missed(b) - missed(a) || part(a) - part(b) || a - b);
    this.paper.height = 0;
    this.paper.fit();
  }

  paint() {
    if (!this.arranged) { this.arrange(); if (this.paper.ctx && this.paper.width) return; }
    this.tell();
    const { ctx, width, ratio } = this.paper;
    if (!ctx || !width || !this.order.length) return;
    const colours = ink(), height = this.height(), { top } = this, [left, right] = this.edges(width);
    this.label = left;
    this.wide = Math.max(40, width - left - right);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = colours.card;
    ctx.fillRect(0, 0, width, height);
    ctx.font = colours.font;
    this.drawHours(ctx, colours, height);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, HEAD, width, height - HEAD);
    ctx.clip();
    for (let row = Math.floor(top / ROW); row < this.order.length && HEAD + row * ROW - top < height; row += 1) this.drawRow(ctx, colours, row, HEAD + row * ROW - top);
    ctx.restore();
    if (!this.at) return;
    ctx.fillStyle = colours.ink;
    ctx.globalAlpha = 0.6;
    ctx.fillRect(left + (this.at.minute / MINUTES) * this.wide, HEAD - 3, 1, height - HEAD + 3);
    ctx.globalAlpha = 1;
  }

  drawHours(ctx, colours, height) {
    const by = [1, 2, 3, 4, 6, 12].find((hours) => (this.wide * hours) / 24 >= 48) ?? 12;
    const start = this.dayStart();
    ctx.textBaseline = "middle";
    for (let hour = 0; hour <= 24; hour += by) {
      const x = this.label + (hour / 24) * this.wide;
      ctx.fillStyle = colours.grid;
      ctx.fillRect(Math.min(x, this.label + this.wide - 1), HEAD - 3, 1, height - HEAD + 3);
      if (hour % 24 && Math.min(hour, 24 - hour) * this.wide < 52 * 24) continue; // the ends have labels of their own
      ctx.fillStyle = colours.soft;
      ctx.textAlign = hour === 0 ? "left" : hour === 24 ? "right" : "center";
      ctx.fillText(hour === 24 && !isLocal() ? "24:00" : clock(start + hour * 3_600_000, isLocal(), false), x, 8);
    }
  }

  drawRow(ctx, colours, row, y) {
    const place = this.order[row], strip = this.strips.get(place), { wide, label, paper: { ratio } } = this, top = y + (ROW - BAR) / 2;
    const many = Math.max(1, Math.round(wide * ratio));
    if (strip.dots?.length !== many) strip.dots = dotsOf(this.minutesOf(place), many);
    const { dots } = strip, fill = (colour, from, to, y0, high) => { ctx.fillStyle = colour; ctx.fillRect(label + from / ratio, y0, Math.max((to - from) / ratio, 1), high); };
    const whole = mix(colours.good, colours.card, 0.55), ahead = mix(colours.soft, colours.card, 0.1), before = mix(colours.soft, colours.card, 0.28);
    for (let from = 0, to = 1; from < many; from = to, to += 1) {
      const level = dots[from];
      while (to < many && dots[to] === level) to += 1;
      if (level === 0) fill(before, from, to, top + BAR / 2 - 1, 2);
      else fill(level === 255 ? ahead : whole, from, to, top, BAR);
      if (level > 1 && level < 255) fill(colours.bad, from, to, top - 2, (BAR + 4) * (level >= MISSED ? 1 : 0.25 + 0.07 * level)); // taller than what is recorded, so that the shape tells it too
    }
    this.drawBeside(ctx, colours, row, y);
  }

  minutesOf(place) { const strip = this.strips.get(place); return (strip.read ??= read(strip.text)); }

  dayStart() { return Math.floor(this.store.now / DAY_MS) * DAY_MS; }

  point(event) {
    const box = this.paper.canvas.getBoundingClientRect(), y = event.clientY - box.top - HEAD;
    const row = Math.floor((y + this.top) / ROW), minute = Math.floor(((event.clientX - box.left - this.label) / this.wide) * MINUTES);
    this.at = y >= 0 && minute < MINUTES && row < this.order.length ? { row, minute: Math.max(0, minute) } : null;
    soon(this);
  }

  // A click on a minute: all charts go to that moment.
  choose() {
    if (!this.at) return;
    const start = this.dayStart() + this.at.minute * MINUTE_MS;
    if (minuteOf(this.minutesOf(this.order[this.at.row]), this.at.minute).key !== "ahead") axis.zoomTo(start, start + MINUTE_MS);
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -60, PageDown: 60 }[event.key], rows = this.order.length > 1 ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : null;
    if (event.key === "Enter") this.choose();
    else if (by == null && rows == null) return;
    else {
      const at = this.at ?? { row: 0, minute: Math.max(0, (this.strips.get(this.order[0])?.counts.until ?? 1) - 1) - (by ?? 0) };
      this.at = { row: Math.max(0, Math.min(this.order.length - 1, at.row + (rows ?? 0))), minute: Math.max(0, Math.min(MINUTES - 1, at.minute + (by ?? 0))) };
      this.toRow(this.at.row);
    }
    event.preventDefault();
    event.stopPropagation();
    soon(this);
    this.tell();
    put(this.told, this.line.textContent);
  }

  tell() {
    if (!this.order.length) { put(this.line, t("day-none")); return; }
    const place = this.at && this.order[this.at.row];
    let text = this.summary();
    this.paper.say(this.spoken?.(text) ?? text);
    if (place != null) {
      const found = minuteOf(this.minutesOf(place), this.at.minute), name = this.nameOf(place);
      text = [name, clock(this.dayStart() + this.at.minute * MINUTE_MS, isLocal(), false), t(`day-${found.key}`, { share: found.tenths * 10 }), name && this.minutes(place)].filter(Boolean).join(" · ");
    }
    put(this.line, text);
    mark(this.line, "title", text);
  }

  minutes(place) {
    const { counts } = this.strips.get(place), [part, missed, uncounted] = this.store.days[place] ?? [];
    return [t("day-minutes", { whole: count(counts.whole), missed: count(counts.missed) }), part != null && `${share(part)} %`, (missed || uncounted) && lostText(missed, uncounted)].filter(Boolean).join(" · ");
  }
}
