// Sparklines: one path whose text is set anew, and the last minute of every rate that they show.
import { svg } from "./dom.js";

const LATEST = 60;

// An empty picture with one path: {picture, path}.
export function sparkOf(width, height, attributes) {
  const path = svg("path", { d: "" });
  return { picture: svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", ...attributes }, path), path };
}

// From 0 up to the largest value; a flat line where nothing moves.
export function sparkPath(values, width, height) {
  if (values.length < 2) return "";
  const most = values.reduce((top, value) => (value > top ? value : top), 0);
  const by = width / (values.length - 1), up = most > 0 ? (height - 2) / most : 0;
  let path = "", pen = "M";
  values.forEach((value, at) => {
    if (value == null) { pen = "M"; return; }
    path += `${pen}${(at * by).toFixed(1)} ${(height - 1 - value * up).toFixed(1)}`;
    pen = "L";
  });
  return path;
}

// What lies between two curves, over decades.
export function bandPath(low, high, width, height) {
  const known = [...low, ...high].filter((value) => value > 0).map(Math.log10);
  if (known.length < 4) return "";
  const top = Math.max(...known), bottom = Math.min(...known, top - 0.6), last = Math.max(1, low.length - 1);
  const place = (value, at) => `${((at / last) * width).toFixed(1)} ${(height - 2 - ((Math.log10(value) - bottom) / (top - bottom)) * (height - 4)).toFixed(1)}`;
  let path = "", upper = [], lower = [];
  for (let at = 0; at <= low.length; at += 1) {
    if (low[at] > 0 && high[at] > 0) { upper.push(place(high[at], at)); lower.unshift(place(low[at], at)); continue; }
    if (upper.length) path += `M${upper.concat(lower).join("L")}Z`;
    upper = []; lower = [];
  }
  return path;
}

// At most `points` of them: the largest of every few.
export function folded(values, points) {
  const by = Math.max(1, Math.ceil(values.length / points)), out = [];
  for (let from = 0; from < values.length; from += by) {
    let most = null;
    for (let at = from; at < Math.min(from + by, values.length); at += 1) if (values[at] != null && (most == null || values[at] > most)) most = values[at];
    out.push(most);
  }
  return out;
}

// The last minute of every stream's rate, one value a second: for sparklines. Fed from what comes anyway.
class Rates {
  constructor(store) {
    this.store = store;
    this.turn = 0; // grows with each value
    store.on("meta", () => this.begin());
    store.on("point", () => this.take());
    this.begin();
  }

  begin() {
    const { length } = this.store.meta?.streams ?? [];
    if (this.values?.length === length * LATEST) return;
    this.values = new Float32Array(length * LATEST);
    this.at = this.count = 0;
  }

  take() {
    const { rate } = this.store.rows;
    for (let place = 0; place < this.values.length / LATEST; place += 1) this.values[place * LATEST + this.at] = rate[place] ?? 0;
    this.at = (this.at + 1) % LATEST;
    this.count = Math.min(LATEST, this.count + 1);
    this.turn += 1;
  }

  // Of some streams together, oldest first.
  of(places) {
    return Array.from({ length: this.count }, (_, at) => {
      const slot = (this.at - this.count + at + LATEST) % LATEST;
      return places.reduce((sum, place) => sum + this.values[place * LATEST + slot], 0);
    });
  }
}

const kept = new WeakMap();
export function ratesOf(store) {
  if (!kept.has(store)) kept.set(store, new Rates(store));
  return kept.get(store);
}
