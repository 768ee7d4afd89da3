// The search in words: `btc venue:upbit kind:orderbook state:silent -usdt`. Loaded when somebody searches. Pure.
import { codeOf, stateOf } from "./states.js";
import { kindText, venueText } from "./words.js";

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

// What can be asked for, of this run.
export function wordsOf(store) {
  const rows = store.meta?.streams ?? [], found = { venue: rows.map((row) => row[1]), kind: rows.map((row) => row[4]), state: ["trouble", "silent", "late", "down", "disk"] };
  return Object.entries(found).flatMap(([key, values]) => [...new Set(values)].map((value) => `${key}:${value}`));
}
