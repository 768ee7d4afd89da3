// The orders of the list. Pure.
import { healthOf, severity } from "./states.js";

export const SORTS = ["", "name", "rate", "latency", "p99", "gaps"];
const RANKED_MS = 10000;

// In order; `ranks` remembers how busy each was, so that rows change places only when that has changed a good deal.
export function sorted(list, key, store, ranks, fresh) {
  const now = performance.now();
  const again = fresh || now - (ranks.at ?? -1e9) > RANKED_MS;
  if (again) ranks.at = now;
  const rows = list.map((each, at) => {
    const health = healthOf(each, store);
    if (again || !ranks.has(each)) ranks.set(each, Math.round(2 * Math.log2((health.perSecond ?? 0) + 0.05)));
    return { each, at, health, rank: ranks.get(each) };
  });
  const by = {
    "": (a, b) => severity(b.health.st) - severity(a.health.st) || b.rank - a.rank,
    name: (a, b) => (a.each.symbol < b.each.symbol ? -1 : a.each.symbol > b.each.symbol ? 1 : 0),
    rate: (a, b) => b.rank - a.rank,
    latency: (a, b) => (b.health.median ?? -1) - (a.health.median ?? -1),
    p99: (a, b) => (b.health.p99 ?? -1) - (a.health.p99 ?? -1),
    gaps: (a, b) => b.health.gaps - a.health.gaps,
  }[key] ?? (() => 0);
  rows.sort((a, b) => by(a, b) || a.at - b.at);
  return rows.map((row) => row.each);
}
