// A day as a strip: runs of minutes that are alike, and what of them falls on one dot of the screen. Pure.
//   n  not recording yet     r  recorded whole     a to i  one to nine tenths of the minute missed     m  missed whole
// What comes after the last run has not come yet.
export const MINUTES = 1440;
const NONE = 0, WHOLE = 1; // levels: 0 nothing to tell, 1 recorded, 2 to 10 tenths missed, 11 missed whole
export const MISSED = 11;

// One level per minute that has come, of a text like "n720r600c1m3". Anything odd ends the day there.
export function read(text) {
  const levels = new Uint8Array(MINUTES);
  let at = 0;
  for (const [run, sign, length] of text.matchAll(/([a-z])(\d+)/g)) {
    if (!run) break;
    const level = sign === "n" ? NONE : sign === "r" ? WHOLE : sign === "m" ? MISSED : sign >= "a" && sign <= "i" ? 2 + sign.charCodeAt(0) - 97 : null;
    if (level == null) break;
    const end = Math.min(MINUTES, at + Number(length));
    levels.fill(level, at, end);
    at = end;
  }
  return { levels, until: at };
}

// The worst level of each of `dots` columns: a missed minute is seen on the narrowest screen. 255: not come yet.
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

// Minutes in which something is missing, and those recorded whole.
export function countOf({ levels, until }) {
  let missed = 0, whole = 0;
  for (let minute = 0; minute < until; minute += 1) { if (levels[minute] > WHOLE) missed += 1; else if (levels[minute] === WHOLE) whole += 1; }
  return { missed, whole };
}
