// The curves as this page keeps them: a ring for each range that was looked at, of the run and of the chosen instrument.
import { axis } from "./axis.js";
import { Ring } from "./timeline.js";

const OWN_STEPS = { "1m": 1000, "15m": 5000, "1h": 5000, "24h": 120_000 };
const SHELL_MS = 1500, AGAIN_MS = 5000;

class Rings {
  constructor(store) {
    this.store = store;
    this.rings = new Map(); // by "instrument|range", that of the run being ""
    this.asked = new Map();
    store.on("history", (message) => this.fill(message));
    store.on("point", (point) => this.add("", point));
    store.on("own", (point) => this.add(point.of, point));
    store.on("choice", () => { for (const key of [...this.rings.keys(), ...this.asked.keys()]) if (!key.startsWith("|") && !key.startsWith(`${store.choice}|`)) { this.rings.delete(key); this.asked.delete(key); } });
    store.on("hello", () => this.asked.clear());
  }

  // The ring to draw from, now; it is asked for where it is not there yet.
  get(of, range = axis.ring(this.store.now)) {
    const key = `${of}|${range}`;
    let ring = this.rings.get(key);
    if (!ring) {
      ring = new Ring(range, of ? OWN_STEPS[range] : undefined);
      ring.born = performance.now();
      this.rings.set(key, ring);
    }
    if (ring.born && (range !== this.store.range() || performance.now() - ring.born > SHELL_MS)) this.ask(of, range, key); // the shell asks for that one
    return ring;
  }

  ask(of, range, key) {
    const now = performance.now();
    if (now - (this.asked.get(key) ?? -Infinity) < AGAIN_MS) return;
    this.asked.set(key, now);
    this.store.say({ range, run: !of });
  }

  fill(message) {
    const { of, range, t0, n } = message, key = `${of}|${range}`;
    if (!this.rings.has(key)) this.rings.set(key, new Ring(range, message.step));
    const ring = this.rings.get(key);
    ring.fill(message);
    ring.born = 0;
    this.asked.set(key, performance.now());
    if (!of && n && t0 < axis.begin) axis.begin = t0;
  }

  add(of, { k, of: _, t, ...values }) {
    if (!of && t < axis.begin) axis.begin = t;
    for (const [key, ring] of this.rings) {
      if (key.slice(0, key.lastIndexOf("|")) !== of) continue;
      const last = ring.t.length ? ring.t[ring.t.length - 1] * 1000 : t;
      if (t - last > Math.max(AGAIN_MS, 2 * ring.step)) this.ask(of, key.slice(key.lastIndexOf("|") + 1), key); // something was missed
      ring.add(t, values);
    }
  }
}

const rings = new WeakMap();
export function ringsOf(store) {
  if (!rings.has(store)) rings.set(store, new Rings(store));
  return rings.get(store);
}
