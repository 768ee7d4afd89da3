// Sparklines: one path whose text is set anew, and the last minute of every rate that they show.
const LATEST = 60;

// From 0 up to the largest value; a flat line where nothing moves.
export function sparkPath(values, width, height) {
  if (values.length < 2) return "";
  let most = 0;
  for (const value of values) if (value > most) most = value;
  const by = width / (values.length - 1), up = most > 0 ? (height - 2) / most : 0;
  let path = "", pen = "M";
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at];
    if (value == null) { pen = "M"; continue; }
    path += `${pen}${(at * by).toFixed(1)} ${(height - 1 - value * up).toFixed(1)}`;
    pen = "L";
  }
  return path;
}

// An empty one: {picture, path}.
export function sparkOf(width = 48, height = 16) {
  const make = (name, attributes) => { const node = document.createElementNS("http://www.w3.org/2000/svg", name); for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value); return node; };
  const path = make("path", { d: "" }), picture = make("svg", { class: "row-spark", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  picture.append(path);
  return { picture, path };
}

export function sparkline(path, values, width, height) {
  const text = sparkPath(values, width, height);
  if (path.getAttribute("d") !== text) path.setAttribute("d", text);
}

// The last minute of every stream's rate, one value a second: for sparklines. Fed from what comes anyway.
class Rates {
  constructor(store) {
    this.store = store;
    this.at = 0;
    this.count = 0;
    this.turn = 0; // grows with each value
    store.on("meta", () => this.begin());
    store.on("point", () => this.take());
    this.begin();
  }

  begin() {
    const streams = this.store.meta?.streams ?? [];
    if (this.values && this.values.length === streams.length * LATEST) return;
    this.values = new Float32Array(streams.length * LATEST);
    this.members = [];
    streams.forEach((row, place) => (this.members[row[5]] ??= []).push(place));
    this.at = this.count = 0;
  }

  take() {
    const { rate } = this.store.rows;
    const streams = this.values.length / LATEST;
    for (let place = 0; place < streams; place += 1) this.values[place * LATEST + this.at] = rate[place] ?? 0;
    this.at = (this.at + 1) % LATEST;
    this.count = Math.min(LATEST, this.count + 1);
    this.turn += 1;
  }

  of(...places) {
    const out = new Array(this.count);
    for (let back = this.count; back > 0; back -= 1) {
      const slot = (this.at - back + LATEST) % LATEST;
      let sum = 0;
      for (const place of places) sum += this.values[place * LATEST + slot];
      out[this.count - back] = sum;
    }
    return out;
  }

  ofInstrument(place) { return this.of(...(this.members[place] ?? [])); }
}

const kept = new WeakMap();
export function ratesOf(store) {
  if (!kept.has(store)) kept.set(store, new Rates(store));
  return kept.get(store);
}
