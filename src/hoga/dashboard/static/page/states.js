// The states of streams and instruments, from the flags that the recorder gives each stream.
import { t } from "./i18n.js";

const GATED = 1, DISK = 2, DISCONNECTED = 4, SILENT = 8, DOWN = 16;

export const codeOf = (flags) => (flags == null ? "unknown" : !flags ? "ok" : flags & DISK ? "disk" : flags & DISCONNECTED ? "disconnected" : flags & GATED ? "gated" : flags & SILENT ? "silent" : flags & DOWN ? "down" : "never");

// {code, glyph, word, level}; the word is in the viewer's language, without the glyph.
export function stateOf(flags) {
  const code = codeOf(flags);
  const text = t(`s-${code}`);
  return { code, glyph: text.slice(0, 1), word: text.slice(2), level: code === "ok" ? "good" : code === "never" ? "warn" : code === "unknown" ? "idle" : "bad" };
}

// An instrument is as well as the worst of its streams. `perSecond`: of all of them; `median`: of its symbol.
export function healthOf(instrument, store) {
  const columns = store.rows;
  let st = 0, known = false, perSecond = 0, median = null, p99 = null, gaps = 0, rated = false;
  for (const at of instrument.streams) {
    const flags = columns.st[at];
    if (flags != null) { known = true; if (severity(flags) > severity(st)) st = flags; }
    if (columns.rate[at] != null) { perSecond += columns.rate[at]; rated = true; }
    if (columns.med[at] != null && (median == null || columns.med[at] > median)) median = columns.med[at];
    if (columns.p99[at] != null && (p99 == null || columns.p99[at] > p99)) p99 = columns.p99[at];
    gaps += columns.gaps[at] ?? 0;
  }
  return { st: known ? st : null, perSecond: rated ? perSecond : null, median, p99, gaps };
}

const ORDER = ["ok", "unknown", "never", "down", "silent", "gated", "disconnected", "disk"];
export const severity = (flags) => ORDER.indexOf(codeOf(flags));

// Books that are asked for over REST (a row of meta.streams): they have no pace of their own.
export const isAsked = (stream) => stream?.[4] === "snapshot";
