// Numbers and times as text. Pure.
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const count = (value) => (value == null ? "–" : whole.format(value));
export const rate = (value) => (value == null ? "–" : value >= 100 ? whole.format(value) : value.toFixed(1));
export const plainMs = (value) => (value == null ? "–" : value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 2));
export const ms = (value) => (value == null ? "–" : Math.abs(value) >= 10000 ? `${(value / 1000).toFixed(1)} s` : `${plainMs(value)} ms`);
export const percent = (value) => (value == null ? "–" : `${value.toFixed(value >= 10 ? 0 : 1)} %`);

export function bytes(value) {
  if (value == null) return "–";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) { value /= 1000; at += 1; }
  return `${value >= 100 || at === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[at]}`;
}

// A share for people, never rounded up: only what is whole is 100.
export const share = (part) => (part == null ? "–" : part >= 1 ? "100" : (Math.floor(part * 10000) / 100).toFixed(2));

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

// "2026-11-29T20:15:07", in UTC or in local time; and its parts.
const iso = (millis, local) => new Date(local ? millis - new Date(millis).getTimezoneOffset() * 60000 : millis).toISOString();
export const clock = (millis, local, seconds = true) => iso(millis, local).slice(11, seconds ? 19 : 16);
export const stamp = (millis, local) => `${iso(millis, local).slice(0, 19).replace("T", " ")}${local ? "" : "Z"}`;

// The clock, and the day before it where it is another day than `now`'s.
export function moment(millis, now, local, seconds = true) {
  const day = iso(millis, local).slice(0, 10);
  return `${day === iso(now, local).slice(0, 10) ? "" : `${day.slice(5)} `}${clock(millis, local, seconds)}`;
}
