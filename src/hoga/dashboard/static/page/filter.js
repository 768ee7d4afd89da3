// The search in words (`btc venue:upbit kind:orderbook state:silent -usdt`) and the orders of the list. Pure.
import { healthOf, severity, codeOf, stateOf } from "./states.js";
import { kindText, venueText } from "./words.js";

export const SORTS = ["", "name", "rate", "latency", "p99", "gaps"];
const STATES = { late: "gated", silent: "silent", disk: "disk", down: "disconnected", disconnected: "disconnected", gated: "gated", never: "never", connecting: "never", ok: "ok", recording: "ok" };

// Whether an instrument is meant. Words are joined by "and"; a minus before one turns it round.
export function matcher(text, store) {
  const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const not = word.length > 1 && word.startsWith("-");
    const plain = not ? word.slice(1) : word;
    const colon = plain.indexOf(":");
    const test = KEYS[plain.slice(0, colon)]?.(plain.slice(colon + 1), store) ?? anywhere(plain, store);
    return not ? (each) => !test(each) : test;
  });
  return (each) => tests.every((test) => test(each));
}

const KEYS = {
  venue: (value, store) => (each) => each.venue.toLowerCase().startsWith(value) || venueText(each.venue, store).toLowerCase().startsWith(value),
  kind: (value, store) => (each) => each.streams.some((at) => { const row = store.meta.streams[at]; return row[4].toLowerCase().startsWith(value) || row[3].toLowerCase().includes(value) || kindText(row[4]).toLowerCase().includes(value); }),
  state: (value, store) => (each) => each.streams.some((at) => {
    const flags = store.rows.st[at];
    if (value === "trouble" || value === "!") return Boolean(flags);
    return codeOf(flags) === (STATES[value] ?? value) || (value.length > 1 && stateOf(flags).word.toLowerCase().startsWith(value));
  }),
  name: (value) => (each) => each.symbol.toLowerCase().includes(value),
};

function anywhere(word, store) {
  return (each) => each.key.toLowerCase().includes(word) || venueText(each.venue, store).toLowerCase().includes(word) || each.streams.some((at) => { const row = store.meta.streams[at]; return row[0].toLowerCase().includes(word) || kindText(row[4]).toLowerCase().includes(word); });
}

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
