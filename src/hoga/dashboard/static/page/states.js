// The states of streams and instruments, from the flags that the recorder gives each stream.
import { t } from "./i18n.js";

const BITS = [0, 0, 32, 16, 8, 1, 4, 2]; // of the flags, in the order of STATES
export const STATES = ["ok", "unknown", "never", "down", "silent", "gated", "disconnected", "disk"]; // each hides those before it

// Its place in STATES: how bad it is.
export function severity(flags) {
  if (!flags) return flags == null ? 1 : 0;
  for (let at = BITS.length - 1; at > 2; at -= 1) if (flags & BITS[at]) return at;
  return 2;
}

export const codeOf = (flags) => STATES[severity(flags)];

// {code, glyph, word, level}; the word is in the viewer's language, without the glyph.
export function stateOf(flags) {
  const code = codeOf(flags), text = t(`s-${code}`);
  return { code, glyph: text.slice(0, 1), word: text.slice(2), level: { ok: "good", never: "warn", unknown: "idle" }[code] ?? "bad" };
}

// An instrument is as well as the worst of its streams. `perSecond`: of all of them; `median`: of its symbol.
export function healthOf(instrument, store) {
  const { st: states, rate, med, p99: p99s, gaps: all } = store.rows;
  let st = null, perSecond = null, median = null, p99 = null, gaps = 0;
  for (const at of instrument.streams) {
    const flags = states[at];
    if (flags != null && (st == null || severity(flags) > severity(st))) st = flags;
    if (rate[at] != null) perSecond = (perSecond ?? 0) + rate[at];
    if (med[at] != null && (median == null || med[at] > median)) median = med[at];
    if (p99s[at] != null && (p99 == null || p99s[at] > p99)) p99 = p99s[at];
    gaps += all[at] ?? 0;
  }
  return { st, perSecond, median, p99, gaps };
}

// Books that are asked for over REST (a row of meta.streams): they have no pace of their own.
export const isAsked = (stream) => stream?.[4] === "snapshot";
