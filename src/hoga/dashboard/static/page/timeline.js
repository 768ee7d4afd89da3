// The one time axis: ranges, folding of points, labels, bands. Times are ms of the server's clock. Pure.
export const RANGES = { "1m": 60_000, "15m": 900_000, "1h": 3_600_000, "24h": 86_400_000 };
export const STEPS = { "1m": 1000, "15m": 1000, "1h": 5000, "24h": 120_000 };
const LARGEST = new Set(["p99", "worst", "disk99", "queue", "lag", "gc", "fsync"]); // of several points the largest counts; of all others the mean

// Points that are evenly spaced, oldest first; a moment without any is null. Bounded by its range.
export class Ring {
  constructor(range, step = STEPS[range]) {
    this.step = step;
    this.most = Math.ceil(RANGES[range] / step) + 2;
    this.t = []; // seconds, as plots want them
    this.series = new Map();
    this.folded = new Map();
  }

  // What the server kept: {t0, step, n, series}. Where it knows nothing, what is known here stays.
  fill({ t0, step, n, series }) {
    const same = step === this.step, known = new Map();
    if (same) this.t.forEach((at, place) => { if (at * 1000 < t0 + n * step) known.set(at * 1000, place); });
    const [oldest] = known.keys(), room = t0 + (n - this.most) * step;
    const from = oldest == null ? t0 : Math.max(Math.min(oldest, t0), room), count = Math.round((t0 - from) / step) + n;
    const times = Array.from({ length: count }, (_, at) => from + at * step), names = new Set([...Object.keys(series), ...(same ? this.series.keys() : [])]);
    this.step = step;
    this.folded.clear();
    this.series = new Map([...names].map((name) => {
      const old = this.series.get(name), told = series[name];
      return [name, times.map((at) => told?.[Math.round((at - t0) / step)] ?? old?.[known.get(at)] ?? null)];
    }));
    this.t = times.map((at) => at / 1000);
  }

  // One more point {t, name: value}; it is folded into the last one where it falls into the same step.
  add(t, values) {
    const bucket = Math.floor(t / this.step) * this.step;
    if (this.t.at(-1) * 1000 > bucket + 1) this.cut(this.t.findIndex((each) => each * 1000 > bucket - 1)); // the clock was set back
    const last = this.t.at(-1) * 1000, near = bucket - last <= this.most * this.step; // not a number: there is none
    if (!near) this.cut(0);
    for (let at = near ? last + this.step : bucket; at <= bucket + 1; at += this.step) this.push(at);
    for (const name of Object.keys(values)) {
      let row = this.series.get(name);
      if (!row) this.series.set(name, row = new Array(this.t.length).fill(null));
      const value = values[name];
      if (value == null) continue;
      const at = row.length - 1, count = this.folded.get(name) ?? 0;
      if (!count || row[at] == null) row[at] = value;
      else if (LARGEST.has(name)) row[at] = Math.max(row[at], value);
      else row[at] += (value - row[at]) / (count + 1);
      this.folded.set(name, count + 1);
    }
  }

  push(at) {
    this.t.push(at / 1000);
    for (const row of this.series.values()) row.push(null);
    this.folded.clear();
    if (this.t.length > this.most) { this.t.shift(); for (const row of this.series.values()) row.shift(); }
  }

  cut(length) { for (const row of [this.t, ...this.series.values()]) row.length = length; this.folded.clear(); }

  get(name) { return this.series.get(name) ?? new Array(this.t.length).fill(null); }
}

// Each series on top of those before it; null only where none has a value.
export function stacked(rows) {
  const length = rows[0]?.length ?? 0;
  const sums = rows.map(() => new Array(length).fill(null));
  for (let at = 0; at < length; at += 1) {
    let sum = null;
    for (let row = 0; row < rows.length; row += 1) {
      const value = rows[row][at];
      if (value != null) sum = (sum ?? 0) + value;
      sums[row][at] = sum;
    }
  }
  return sums;
}

// Round moments between from and to, at most `most` of them: [times, whether their seconds matter].
export function marks(from, to, most, local) {
  const offset = local ? new Date(to).getTimezoneOffset() * 60_000 : 0;
  const span = Math.max(1, to - from);
  const by = TICKS.find((each) => span / each <= most) ?? TICKS[TICKS.length - 1];
  const out = [];
  for (let at = Math.ceil((from - offset) / by) * by + offset; at <= to; at += by) out.push(at);
  return [out, by < 60_000];
}
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400].map((seconds) => seconds * 1000);

// Spans of incidents between from and to, as [from, to, open], of which `of` says so; such as touch are one.
export function bands(incidents, from, to, now, of = null) {
  const spans = incidents
    .filter((each) => of == null || of(each))
    .map((each) => [Math.max(from, each.from), Math.min(to, (each.open ? now : each.to) ?? now), Boolean(each.open)])
    .filter((span) => span[1] >= span[0])
    .sort((a, b) => a[0] - b[0]);
  const out = [];
  for (const span of spans) {
    const last = out[out.length - 1];
    if (last && span[0] <= last[1]) { last[1] = Math.max(last[1], span[1]); last[2] ||= span[2]; } else out.push(span);
  }
  return out;
}

// Numbers at an axis: 1200 is "1.2k"; as many digits as tell them apart.
export function axisText(value) {
  if (value == null) return "";
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

// {low, high, now} of what is there, null where nothing is.
export function summary(values) {
  const known = values.filter((value) => value != null);
  return known.length ? { low: Math.min(...known), high: Math.max(...known), now: known.at(-1) } : null;
}

// Round steps of an axis from 0 to at least `most`: 0, …, top; three or four of them.
export function linearAxis(most) {
  if (!(most > 0)) return [0, 1];
  const by = 10 ** Math.floor(Math.log10(most / 3));
  const step = [1, 2, 2.5, 5, 10].find((each) => each * by * 3 >= most * 0.999) * by;
  const out = [];
  for (let at = 0; ; at += 1) { out.push(Number((at * step).toPrecision(12))); if (at * step >= most * 0.999) return out; }
}

// The same for a logarithmic one: [low, high, marks].
export function logAxis(low, high) {
  if (!(low > 0) || !(high > 0)) return [0.1, 10, [0.1, 1, 10]];
  const steps = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)) + 1; power += 1) for (const each of [1, 2, 5]) steps.push(Number((each * 10 ** power).toPrecision(3)));
  const from = steps.findLastIndex((each) => each <= low), to = steps.findIndex((each) => each >= high);
  const bottom = steps[from], top = steps[Math.max(to, from + 1)];
  const inside = steps.filter((each) => each >= bottom && each <= top);
  const decades = inside.filter((each) => /^1(e|0|$)|^0\.0*1$/.test(String(each)));
  return [bottom, top, inside.length <= 4 ? inside : decades.length >= 2 ? decades : [bottom, inside[Math.floor(inside.length / 2)], top]];
}
