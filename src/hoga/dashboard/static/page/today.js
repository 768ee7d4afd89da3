// Today, one strip per instrument: 24 hours, minute by minute, recorded, missed or not yet. The worst come first.
import { axis } from "./axis.js";
import { choosePlace, placeOf } from "./chosen.js";
import { make, mark, put } from "./dom.js";
import { count } from "./format.js";
import { soon } from "./frames.js";
import { t } from "./i18n.js";
import { ink, mix } from "./ink.js";
import { Paper } from "./paper.js";
import { countOf, dotsOf, minuteOf, MINUTES, MISSED, read } from "./strips.js";
import { clockText } from "./timeline.js";
import { isLocal } from "./view.js";
import { lossText, venueShort } from "./words.js";

const ROW = 16, BAR = 10, HEAD = 18, RIGHT = 62;
const DAY_MS = 86_400_000, MINUTE_MS = 60_000;

export function mount(slot, store) { return new Today(slot, store, null); }
export function mountDay(slot, store) { return new Today(slot, store, () => placeOf(store)); }

class Today {
  constructor(slot, store, only) {
    this.store = store;
    this.only = only;
    this.strips = new Map(); // place: {text, levels, until, dots, wide}
    this.order = [];
    this.at = null; // {row, minute} under the cursor
    this.line = make("p", { class: "day-line" });
    this.told = make("p", { class: "quiet", "aria-live": "polite" });
    this.view = make("div", { class: "day-view" });
    this.filler = make("div", { class: "day-filler", "aria-hidden": "true" });
    this.scroll = make("div", { class: only ? "day-one" : "day-scroll" }, this.view, this.filler);
    slot.append(this.line, this.scroll, this.told);
    this.paper = new Paper(this.view, { focus: true, onSize: (width, height, ratio, done) => { if (done) this.paint(); return this.height(); } });
    const { canvas } = this.paper;
    this.scroll.addEventListener("scroll", () => soon(this), { passive: true });
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => { this.at = null; soon(this); });
    canvas.addEventListener("click", (event) => { this.point(event); this.choose(); });
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const kind of ["meta", "strips"]) store.on(kind, () => { this.arranged = false; soon(this); });
    for (const kind of ["choice", "look"]) store.on(kind, () => { if (only) this.arranged = false; this.look = null; soon(this); });
    if (!only) new ResizeObserver(() => { this.paper.height = 0; this.paper.fit(); }).observe(this.scroll);
    soon(this);
  }

  height() { return this.only ? HEAD + ROW : Math.max(HEAD + ROW, Math.min(this.scroll.clientHeight || 190, HEAD + this.order.length * ROW)); }

  arrange() {
    this.arranged = true;
    const { meta, strips, days } = this.store;
    const places = this.only ? [this.only()].filter((place) => place != null && place >= 0) : (meta?.instruments ?? []).map((_, place) => place);
    for (const place of places) {
      const text = strips?.[place] ?? "";
      const has = this.strips.get(place);
      if (has?.text === text) continue;
      this.strips.set(place, { text, counts: countOf(text), read: null, dots: null }); // read when it comes into sight
    }
    if (this.strips.size > places.length) for (const place of this.strips.keys()) if (!places.includes(place)) this.strips.delete(place);
    this.order = places.sort((a, b) => this.strips.get(b).counts.missed - this.strips.get(a).counts.missed || (days?.[a]?.[0] ?? 2) - (days?.[b]?.[0] ?? 2) || a - b);
    this.filler.style.height = `${Math.max(0, HEAD + this.order.length * ROW - this.height())}px`;
    this.paper.height = 0;
    this.paper.fit();
  }

  paint() {
    if (!this.arranged) { this.arrange(); if (this.paper.ctx && this.paper.width) return; }
    this.tell();
    const { ctx, width, ratio } = this.paper;
    if (!ctx || !width || !this.order.length) return;
    const colours = ink(), height = this.height();
    this.label = this.only ? 0 : Math.min(170, Math.max(92, width * 0.16));
    this.wide = Math.max(40, width - this.label - (this.only ? 0 : RIGHT));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = colours.card;
    ctx.fillRect(0, 0, width, height);
    ctx.font = colours.font;
    this.drawHours(ctx, colours, height);
    const top = this.only ? 0 : this.scroll.scrollTop, first = Math.floor(top / ROW);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, HEAD, width, height - HEAD);
    ctx.clip();
    for (let row = first; row < this.order.length && HEAD + row * ROW - top < height; row += 1) this.drawRow(ctx, colours, row, HEAD + row * ROW - top);
    ctx.restore();
    if (this.at) {
      ctx.fillStyle = colours.ink;
      ctx.globalAlpha = 0.6;
      ctx.fillRect(this.label + (this.at.minute / MINUTES) * this.wide, HEAD - 3, 1, height - HEAD + 3);
      ctx.globalAlpha = 1;
    }
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
      ctx.fillText(hour === 24 && !isLocal() ? "24:00" : clockText(start + hour * 3_600_000, isLocal(), false), x, 8);
    }
  }

  drawRow(ctx, colours, row, y) {
    const place = this.order[row], strip = this.strips.get(place), { ratio } = this.paper;
    const { wide, label } = this, top = y + (ROW - BAR) / 2;
    const many = Math.max(1, Math.round(wide * ratio));
    if (!strip.dots || strip.dots.length !== many) strip.dots = dotsOf(this.minutesOf(place), many);
    const { dots } = strip;
    const whole = mix(colours.good, colours.card, 0.55), ahead = mix(colours.soft, colours.card, 0.1), before = mix(colours.soft, colours.card, 0.28);
    for (let from = 0; from < many;) {
      let to = from + 1;
      while (to < many && dots[to] === dots[from]) to += 1;
      const level = dots[from], x = label + from / ratio, w = (to - from) / ratio;
      if (level === 255) { ctx.fillStyle = ahead; ctx.fillRect(x, top, w, BAR); }
      else if (level === 0) { ctx.fillStyle = before; ctx.fillRect(x, top + BAR / 2 - 1, w, 2); }
      else if (level === 1) { ctx.fillStyle = whole; ctx.fillRect(x, top, w, BAR); }
      else { // missed: taller than what is recorded, so that the shape tells it too
        ctx.fillStyle = whole; ctx.fillRect(x, top, w, BAR);
        const share = level >= MISSED ? 1 : 0.25 + 0.07 * level;
        ctx.fillStyle = colours.bad; ctx.fillRect(x, top - 2, Math.max(w, 1), (BAR + 4) * share);
      }
      from = to;
    }
    if (this.only) return;
    const [venue, symbol] = this.store.meta.instruments[place];
    const chosen = placeOf(this.store) === place || this.at?.row === row;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.fillStyle = chosen ? colours.accent : colours.ink;
    if (strip.label?.[0] !== label) strip.label = [label, cut(ctx, `${symbol} ${venueShort(venue, this.store)}`, label - 8)];
    ctx.fillText(strip.label[1], 0, y + ROW / 2);
    const share = this.store.days?.[place]?.[0];
    ctx.textAlign = "right";
    ctx.fillStyle = share != null && share < 0.999 ? colours.bad : colours.soft;
    ctx.fillText(share == null ? "–" : `${shareText(share)} %`, this.paper.width, y + ROW / 2);
  }

  minutesOf(place) { const strip = this.strips.get(place); return (strip.read ??= read(strip.text)); }

  dayStart() { return Math.floor(this.store.now / DAY_MS) * DAY_MS; }

  point(event) {
    const box = this.paper.canvas.getBoundingClientRect();
    const x = event.clientX - box.left - this.label, y = event.clientY - box.top - HEAD;
    const row = this.only ? 0 : Math.floor((y + this.scroll.scrollTop) / ROW);
    const minute = Math.floor((x / this.wide) * MINUTES);
    this.at = x >= 0 && minute < MINUTES && y >= 0 && row < this.order.length ? { row, minute } : y >= 0 && row < this.order.length && x < 0 ? { row, minute: -1 } : null;
    if (this.at?.minute === -1) this.at.minute = 0;
    soon(this);
  }

  // A click on a minute: that instrument, and all charts go to that moment.
  choose() {
    if (!this.at) return;
    const place = this.order[this.at.row], start = this.dayStart() + this.at.minute * MINUTE_MS;
    if (!this.only) choosePlace(this.store, place, false);
    if (minuteOf(this.minutesOf(place), this.at.minute).key !== "ahead") axis.zoomTo(start, start + MINUTE_MS);
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -60, PageDown: 60 }[event.key];
    const rows = this.only ? null : { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "Enter") this.choose();
    else if (by != null || rows != null) {
      const at = this.at ?? { row: 0, minute: Math.max(0, (this.strips.get(this.order[0])?.counts.until ?? 1) - 1) - (by ?? 0) };
      this.at = { row: Math.max(0, Math.min(this.order.length - 1, at.row + (rows ?? 0))), minute: Math.max(0, Math.min(MINUTES - 1, at.minute + (by ?? 0))) };
      if (rows) this.scroll.scrollTop = Math.max(0, Math.min(this.at.row * ROW, Math.max(this.scroll.scrollTop, (this.at.row + 2) * ROW + HEAD - this.height())));
    } else return;
    event.preventDefault();
    event.stopPropagation();
    soon(this);
    this.tell();
    put(this.told, this.line.textContent);
  }

  tell() {
    const { order, store } = this;
    if (!order.length) { put(this.line, t("day-none")); return; }
    const whole = order.filter((place) => !this.strips.get(place).counts.missed).length;
    const single = this.only ? this.minutes(order[0]) : t("day-said", { whole: count(whole), count: count(order.length) });
    let text = single;
    if (this.at && order[this.at.row] != null) {
      const place = order[this.at.row], found = minuteOf(this.minutesOf(place), this.at.minute);
      const when = clockText(this.dayStart() + this.at.minute * MINUTE_MS, isLocal(), false);
      text = `${this.only ? "" : `${store.meta.instruments[place][1]} · `}${when} · ${t(`day-${found.key}`, { share: found.tenths * 10 })}${this.only ? "" : ` · ${this.minutes(place)}`}`;
    }
    put(this.line, text);
    mark(this.line, "title", text);
    const worst = order[0];
    this.paper.say(this.only || whole === order.length ? single : `${single} ${t("day-worst", { name: store.meta.instruments[worst][1], words: this.minutes(worst) })}`);
  }

  minutes(place) {
    const { counts } = this.strips.get(place);
    const day = this.store.days?.[place];
    const lost = day && (day[1] || day[2]) ? t("day-lost", { loss: lossText(day[1], day[2]) }) : "";
    return [t("day-minutes", { whole: count(counts.whole), missed: count(counts.missed) }), day?.[0] != null ? `${shareText(day[0])} %` : "", lost].filter(Boolean).join(" · ");
  }
}

// Never rounded up to a whole.
function shareText(share) {
  const percent = Math.floor(share * 10_000) / 100;
  return percent === 100 ? "100" : percent.toFixed(2);
}

function cut(ctx, text, wide) {
  if (ctx.measureText(text).width <= wide) return text;
  let end = text.length;
  while (end > 1 && ctx.measureText(`${text.slice(0, end)}…`).width > wide) end -= 1;
  return `${text.slice(0, end)}…`;
}
