// A day as a strip: runs of minutes that are alike, and what falls on one dot of the screen. Pure.
//   n  not recording yet     r  recorded whole     a to i  one to nine tenths of the minute missed     m  missed whole
// What comes after the last run has not come yet.
export const MINUTES = 1440;
const NONE = 0, WHOLE = 1; // levels: 0 nothing to tell, 1 recorded, 2 to 10 tenths missed, 11 missed whole
export const MISSED = 11;

const levelOf = (sign) => (sign === "n" ? NONE : sign === "r" ? WHOLE : sign === "m" ? MISSED : sign >= "a" && sign <= "i" ? 2 + sign.charCodeAt(0) - 97 : null);

// `take(level, from, to)` for each run of a text like "n720r600c1m3". What is odd is passed over.
function runs(text, take) {
  let at = 0;
  for (const [, sign, length] of text.matchAll(/([a-z])(\d+)/g)) {
    const level = levelOf(sign), end = Math.min(MINUTES, at + Number(length));
    if (level == null) continue;
    take(level, at, end);
    at = end;
  }
  return at;
}

// One level per minute that has come.
export function read(text) {
  const levels = new Uint8Array(MINUTES);
  const until = runs(text, (level, from, to) => levels.fill(level, from, to));
  return { levels, until };
}

// The worst level of each of `dots` columns; 255: not come yet.
export function dotsOf({ levels, until }, dots) {
  const out = new Uint8Array(dots);
  for (let dot = 0; dot < dots; dot += 1) {
    const from = Math.floor((dot * MINUTES) / dots);
    const to = Math.max(from + 1, Math.floor(((dot + 1) * MINUTES) / dots));
    if (from >= until) { out[dot] = 255; continue; }
    let worst = 0;
    for (let minute = from; minute < Math.min(to, until); minute += 1) worst = Math.max(worst, levels[minute]);
    out[dot] = worst;
  }
  return out;
}

// What a minute says: {key, tenths}. `key`: before, whole, part, missed, ahead.
export function minuteOf({ levels, until }, minute) {
  if (minute >= until) return { key: "ahead", tenths: 0 };
  const level = levels[minute];
  return { key: level === NONE ? "before" : level === WHOLE ? "whole" : level === MISSED ? "missed" : "part", tenths: level >= 2 && level < MISSED ? level - 1 : 0 };
}

// Minutes in which something is missing, and those recorded whole; from the runs, for there may be thousands of strips.
export function countOf(text) {
  let missed = 0, whole = 0;
  const until = runs(text, (level, from, to) => { if (level > WHOLE) missed += to - from; else if (level === WHOLE) whole += to - from; });
  return { missed, whole, until };
}
