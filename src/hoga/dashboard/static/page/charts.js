// The curves. One time axis, one cursor and one zoom for all; incidents are bands. New points come once a second.
import { axis } from "./axis.js";
import { placeOf } from "./chosen.js";
import { fetched, make, mark, put } from "./dom.js";
import { clock, count, moment, ms, percent, rate } from "./format.js";
import { soon } from "./frames.js";
import { t } from "./i18n.js";
import { clear, ink, mix } from "./ink.js";
import { isOf } from "./own-incidents.js";
import { canDraw } from "./paper.js";
import { ringsOf } from "./rings.js";
import { axisText, bands, linearAxis, logAxis, marks, stacked, summary } from "./timeline.js";
import { isLocal } from "./view.js";
import { venueShort, venueText } from "./words.js";

const LEAST_PX = 72; // of a plot's height
const LEFT_PX = 40, RIGHT_PX = 6;
const SPACE_PX = 66; // between two labels of the time axis, at least
const SAY_MS = 5000;
const NARROW_PX = 520; // names are short then
const positive = (values) => values.map((value) => (value > 0 ? value : null)); // a logarithm has no zero
const band = (low, high) => ({ log: true, curves: () => bandCurves(low, high), data: (ring) => [positive(ring.get(high)), positive(ring.get(low))] });

// What each plot shows: `curves(store)` are {name, label, text, colour, fill, width, scale}, `data` its values from a ring.
const PLOTS = {
  run: [
    { title: "pc-rate", x: "rate", curves: venueCurves, data: venueData, parts: true },
    { title: "pc-latency", x: "latency", ...band("p50", "p99") },
    { title: "pc-disk", x: "todisk", ...band("disk50", "disk99") },
    { title: "pc-load", x: "load", curves: loadCurves, data: (ring) => [ring.get("cpu"), ring.get("collector"), positive(ring.get("queue"))], least: 10 },
  ],
  own: [
    { title: "pc-rate", x: "rate", curves: () => [{ name: "rate", label: "", text: rate, colour: (c) => c.curve, fill: (c) => mix(c.curve, c.card, 0.25) }], data: (ring) => [ring.get("rate")] },
    { title: "pc-latency", x: "latency", ...band("p50", "p99") },
  ],
};

function bandCurves(low, high) {
  return [
    { name: high, label: "p99", text: ms, colour: (c) => mix(c.curve, c.card, 0.75), width: 1 },
    { name: low, label: "p50", text: ms, colour: (c) => c.curve, width: 1.5, band: true },
  ];
}

function loadCurves() {
  return [
    { name: "cpu", label: t("pc-cpu"), text: percent, colour: (c) => c.curve, fill: (c) => mix(c.curve, c.card, 0.2), width: 1.5 },
    { name: "collector", label: t("pc-collector"), short: t("pc-collector-short"), text: percent, colour: (c) => c.ink, width: 1, dash: [4, 2] },
    { name: "queue", label: t("pc-queue"), text: count, colour: (c) => c.warn, fill: (c) => clear(c.warn, 0.2), width: 1.5, scale: "q", shy: true },
  ];
}

// The whole is drawn first: the parts lie on top of it, the first venue at the bottom.
const venues = (store) => (store.meta?.venues ?? []).map((each) => each.id).filter((id) => store.meta.instruments.some((row) => row[0] === id));
const SHADES = [0.85, 0.5, 0.28, 0.14];
function venueCurves(store) {
  const names = venues(store);
  return names.map((name, at) => ({
    name: `rate:${name}`, label: names.length > 1 ? venueText(name, store) : "", short: venueShort(name, store), text: rate,
    colour: (c) => mix(c.curve, c.card, Math.min(1, SHADES[Math.min(at, 3)] + 0.15)), fill: (c) => mix(c.curve, c.card, names.length > 1 ? SHADES[Math.min(at, 3)] : 0.25),
  })).reverse();
}
function venueData(ring, store) { return stacked(venues(store).map((name) => ring.get(`rate:${name}`))).reverse(); }

export async function mount(slot, store, which = "run") {
  const box = make("div", { class: "charts" });
  slot.append(box);
  if (canDraw()) await fetched("/static/vendor/uPlot.iife.min.js");
  for (const spec of PLOTS[which]) new Plot(box, spec, store, which === "own");
}

class Plot {
  constructor(box, spec, store, own) {
    this.spec = spec;
    this.store = store;
    this.own = own;
    this.title = make("button", { type: "button", class: "x", "data-x": spec.x, "data-t": spec.title, text: t(spec.title) });
    this.when = make("time");
    this.values = make("span", { class: "values" });
    this.plot = make("div", { class: "plot", role: "application", tabindex: "0", "data-role": "picture", "aria-label": t(spec.title) });
    this.told = make("p", { class: "quiet", "aria-live": "polite" });
    box.append(make("figure", {}, make("figcaption", {}, this.title, this.values, this.when), this.plot, this.told));
    this.u = null;
    this.width = 0;
    this.seen = true;
    this.said = -Infinity;
    this.rings = ringsOf(store);
    if (canDraw()) {
      new ResizeObserver(() => this.sized()).observe(this.plot);
      new IntersectionObserver((entries) => { this.seen = entries[entries.length - 1].isIntersecting; if (this.seen) soon(this); }, { rootMargin: "100px" }).observe(this.plot);
      this.plot.addEventListener("keydown", (event) => this.key(event));
      this.plot.addEventListener("touchmove", (event) => this.touch(event), { passive: true });
    } else {
      this.words = make("p", { class: "no-canvas" });
      this.plot.replaceWith(this.words);
      soon(this);
    }
    store.on(own ? "own" : "point", () => this.wanted());
    for (const kind of ["history", "choice", "incidents"]) store.on(kind, () => this.wanted(true));
    for (const kind of ["meta", "look"]) store.on(kind, () => this.rebuild());
    axis.on((what) => { if (what === "span") this.wanted(true); });
  }

  wanted(all = false) { if (all) { this.fresh = true; this.said = -Infinity; } if (this.seen || this.words) soon(this); }

  rebuild() {
    this.u?.destroy();
    this.u = null;
    mark(this.plot, "aria-label", t(this.spec.title));
    this.wanted(true);
  }

  sized() {
    const width = this.plot.clientWidth, height = Math.max(LEAST_PX, this.plot.clientHeight);
    if (!width || (width === this.width && height === this.height)) return;
    this.width = width;
    this.height = height;
    if (this.u) this.u.setSize({ width, height }); else this.wanted(true);
  }

  paint() {
    const { store, spec } = this;
    if (!store.meta || (this.own && !store.choice)) return;
    const now = store.now, of = this.own ? store.choice : "";
    const [from, to] = this.span = axis.span(now);
    const still = axis.paused && `${from} ${to} ${of} ${store.run}`, held = still && still === this.still; // the rings go on
    const ring = this.ring = held ? this.ring : this.rings.get(of);
    const dot = (to - from) / Math.max(1, this.width);
    if (this.fresh || !this.u || (!axis.paused && (now < this.drawn || (now - this.drawn >= dot * 0.7 && from <= now && (!axis.zoom || this.drawn <= to))))) {
      this.fresh = false;
      this.drawn = now;
      if (!this.u) this.curves = spec.curves(store);
      if (!held) this.data = [ring.t, ...spec.data(ring, store)].map((row) => (still ? row.slice() : row));
      this.still = !ring.born && still;
      this.bands = bands(store.incidents, from, to, now, of ? (each) => isOf(each, placeOf(store), store) : null);
      if (this.words) { /* told below */ } else if (!this.width) this.sized(); else if (!this.u) this.build(); else this.u.setData(this.data);
    }
    this.tell();
    this.speak(now);
  }

  build() {
    const colours = ink();
    const line = { stroke: colours.soft, font: colours.font, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false } };
    const y = this.spec.log
      ? { distr: 3, log: 10, range: (_, low, high) => { const [a, b, at] = logAxis(low ?? 1, high ?? 10); this.marks = at; return [a, b]; } }
      : { range: (_, low, high) => { this.marks = linearAxis(Math.max(high ?? 0, this.spec.least ?? 0)); return [0, this.marks[this.marks.length - 1]]; } };
    const series = this.curves.map((curve) => ({
      scale: curve.scale ?? "y", stroke: curve.colour(colours), fill: curve.fill?.(colours), width: curve.width ?? 1, dash: curve.dash,
      points: { show: false }, spanGaps: false,
    }));
    const bandsBetween = this.curves.findIndex((curve) => curve.band);
    this.u = new uPlot({
      width: this.width, height: this.height, padding: [6, RIGHT_PX, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { size: 5, width: 0, fill: (_, at) => this.curves[at - 1].colour(ink()) },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => () => { axis.back(); return null; } },
        sync: { key: "hoga", setSeries: false, scales: ["x", null], filters: { pub: (type) => type !== "mousedown" && type !== "mouseup" } },
      },
      scales: { x: { time: false, range: () => [this.span[0] / 1000, this.span[1] / 1000] }, y, q: { range: (_, __, high) => [0, linearAxis(high ?? 0).at(-1)] } },
      axes: [
        { ...line, size: 20, gap: 3, splits: (u, _, low, high) => { const [at, fine] = marks(low * 1000, high * 1000, Math.max(2, Math.floor(u.width / SPACE_PX)), isLocal()); this.fine = fine; return at.map((each) => each / 1000); },
          values: (_, splits) => splits.map((each) => this.timeText(each * 1000)) },
        { ...line, size: LEFT_PX, gap: 4, splits: () => this.marks ?? [], values: (_, splits) => splits.map(axisText) },
      ],
      series: [{}, ...series],
      bands: bandsBetween > 0 ? [{ series: [bandsBetween, bandsBetween + 1], fill: clear(colours.curve, 0.22), dir: -1 }] : undefined,
      hooks: {
        drawClear: [(u) => this.drawBands(u)],
        setCursor: [(u) => { this.at = u.cursor.idx; axis.setCursor(u.cursor.left >= 0 && this.at != null ? u.posToVal(u.cursor.left, "x") * 1000 : null); this.tell(); }],
        setSelect: [(u) => this.zoomed(u)],
      },
    }, this.data, this.plot);
    this.u.root.setAttribute("aria-hidden", "true");
  }

  // At both ends there is no room for a label: none is cut.
  timeText(at) {
    const wide = this.width - LEFT_PX - RIGHT_PX, half = this.fine ? 26 : 16;
    const x = ((at - this.span[0]) / (this.span[1] - this.span[0])) * wide;
    return x < half - 8 || x > wide - half ? "" : clock(at, isLocal(), this.fine);
  }

  drawBands(u) {
    if (!this.bands.length) return;
    const { ctx } = u, { top, height } = u.bbox, colours = ink(), ratio = devicePixelRatio || 1;
    ctx.save();
    for (const [from, to, open] of this.bands) {
      const left = u.valToPos(from / 1000, "x", true), wide = Math.max(2 * ratio, u.valToPos(to / 1000, "x", true) - left);
      ctx.fillStyle = clear(colours.bad, open ? 0.24 : 0.15);
      ctx.fillRect(left, top, wide, height);
      ctx.fillStyle = colours.bad;
      ctx.fillRect(left, top, wide, 2 * ratio);
    }
    ctx.restore();
  }

  zoomed(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    const from = u.posToVal(left, "x") * 1000, to = u.posToVal(left + width, "x") * 1000;
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    axis.setZoom(from, to);
  }

  // The title line: what, and its values at the cursor, or the newest.
  tell() {
    const { data, curves } = this;
    if (!data) return;
    if (this.shownFor !== curves) {
      this.shownFor = curves;
      this.labels = curves.map((curve) => {
        const sample = make("i", { "aria-hidden": "true" });
        sample.style.background = curve.colour(ink());
        return make("span", {}, ...(curve.label ? [sample] : []), document.createTextNode(""));
      });
      this.values.replaceChildren(...(curves.some((curve) => curve.band) || this.spec.parts ? [...this.labels].reverse() : this.labels));
    }
    const [first, last] = this.shown();
    const hovered = this.at >= first && this.at <= last && this.u?.cursor.left >= 0;
    let at = hovered ? this.at : last < first ? -1 : last;
    if (!hovered) while (at > last - 3 && at > first && data.every((row, column) => !column || row[at] == null)) at -= 1;
    const narrow = this.width < NARROW_PX;
    curves.forEach((curve, which) => {
      let value = data[which + 1][at];
      const below = data[which + 2]?.[at];
      if (this.spec.parts && value != null) value -= below ?? 0;
      const label = this.labels[which];
      label.hidden = Boolean(curve.shy && value == null);
      const name = curve.label && (narrow ? curve.short ?? curve.label : curve.label);
      const text = `${name ? `${name} ` : ""}${curve.text(value)}`;
      if (label.lastChild.nodeValue !== text) label.lastChild.nodeValue = text;
      mark(label, "title", curve.label);
    });
    put(this.when, hovered ? moment(data[0][at] * 1000, this.store.now, isLocal(), this.ring.step < 60_000) : "");
  }

  // The places of the first and the last moment in sight.
  shown() {
    const [times] = this.data, [from, to] = this.span;
    const last = times.findLastIndex((each) => each * 1000 <= to), first = times.findIndex((each) => each * 1000 > from - this.ring.step);
    return [first < 0 ? last + 1 : first, last];
  }

  // In words, for those who do not see it.
  speak(now) {
    if (performance.now() - this.said < SAY_MS) return;
    const { data, curves } = this;
    if (!data) return;
    this.said = performance.now();
    const [from, to] = this.span;
    const [first, last] = this.shown();
    const words = [];
    curves.forEach((curve, which) => {
      const values = this.spec.parts && which + 2 < data.length ? data[which + 1].map((value, at) => (value == null ? null : value - (data[which + 2][at] ?? 0))) : data[which + 1];
      const found = summary(values.slice(first, last + 1));
      if (found) words.unshift(t("pc-said", { name: curve.label || t(this.spec.title), now: curve.text(found.now), low: curve.text(found.low), high: curve.text(found.high) }));
    });
    const text = [t("pc-alt", { title: t(this.spec.title), from: moment(from, now, isLocal()), to: moment(to, now, isLocal()) }),
      words.length ? words.join("; ") : t("pc-empty"), this.bands?.length ? t("pc-bands", { count: this.bands.length }) : ""].filter(Boolean).join(". ");
    if (this.words) put(this.words, `${text}. ${t("no-canvas")}`); else mark(this.plot, "aria-label", text);
  }

  key(event) {
    const { u } = this;
    if (!u || event.ctrlKey || event.metaKey || event.altKey) return;
    const wide = u.over.clientWidth;
    const left = u.cursor.left >= 0 ? u.cursor.left : wide - 1;
    const to = { ArrowLeft: left - (event.shiftKey ? 40 : 4), ArrowRight: left + (event.shiftKey ? 40 : 4), Home: 0, End: wide - 1 }[event.key];
    if (to != null) {
      u.setCursor({ left: Math.max(0, Math.min(wide - 1, to)), top: 10 });
      put(this.told, `${this.when.textContent} ${[...this.values.children].filter((each) => !each.hidden).map((each) => each.textContent).join(", ")}`);
    } else if (event.key === "+" || event.key === "-") {
      const [from, until] = this.span, middle = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") * 1000 : (from + until) / 2;
      const half = ((until - from) / 2) * (event.key === "+" ? 0.5 : 2);
      axis.setZoom(middle - half, Math.min(this.store.now, middle + half));
    } else if (event.key === "Escape" || event.key === "Backspace") {
      u.setCursor({ left: -10, top: -10 });
      axis.back();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  touch(event) {
    if (!this.u || event.touches.length !== 1) return;
    const box = this.u.over.getBoundingClientRect();
    this.u.setCursor({ left: Math.max(0, Math.min(box.width - 1, event.touches[0].clientX - box.left)), top: 10 });
  }
}
