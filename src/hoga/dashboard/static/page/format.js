// Numbers and times as text. Pure.
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const count = (value) => (value == null ? "–" : whole.format(value));
export const rate = (value) => (value == null ? "–" : value >= 100 ? whole.format(value) : value.toFixed(1));

export function ms(value) {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (size >= 10000) return `${(value / 1000).toFixed(1)} s`;
  return `${size >= 100 ? value.toFixed(0) : size >= 1 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

export const plainMs = (value) => (value == null ? "–" : value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 2));

export function bytes(value) {
  if (value == null) return "–";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) { value /= 1000; at += 1; }
  return `${value >= 100 || at === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[at]}`;
}

export const percent = (value) => (value == null ? "–" : `${value.toFixed(value >= 10 ? 0 : 1)} %`);

// Units of time as the language writes them: set with the language.
let units = { s: " s", min: " min", h: " h", d: " d" };
export function setUnits(fresh) { units = fresh; }

export function span(seconds) {
  if (seconds == null) return "–";
  if (seconds < 1 && seconds > 0) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 120) return `${seconds < 10 && !Number.isInteger(seconds) ? seconds.toFixed(1) : Math.round(seconds)}${units.s}`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}${units.min}`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)}${units.h}` : `${(seconds / 86400).toFixed(1)}${units.d}`;
}

export function clock(millis, local) {
  const date = new Date(local ? millis - new Date(millis).getTimezoneOffset() * 60000 : millis);
  return date.toISOString().slice(11, 19);
}

// The day with it: for what may be of another day.
export function stamp(millis, local) {
  const date = new Date(local ? millis - new Date(millis).getTimezoneOffset() * 60000 : millis);
  return `${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 19)}${local ? "" : "Z"}`;
}

export function digitsOf(values) {
  let digits = 0;
  for (const value of values) {
    const text = String(value);
    const dot = text.indexOf(".");
    if (dot >= 0 && !text.includes("e")) digits = Math.max(digits, text.length - dot - 1);
  }
  return Math.min(digits, 8);
}

export function line(text, local) {
  if (!local || !/^\d{4}-\d\d-\d\dT/.test(text)) return text;
  const end = text.indexOf(" ");
  const millis = Date.parse(text.slice(0, end));
  return Number.isNaN(millis) ? text : stamp(millis, true) + text.slice(end);
}

// A share for people, never rounded up: only what is whole is 100.
export function share(part) {
  if (part == null) return "–";
  return part >= 1 ? "100" : (Math.floor(part * 10000) / 100).toFixed(2);
}
