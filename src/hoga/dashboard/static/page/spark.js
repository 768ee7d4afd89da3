// Sparklines: one path whose text is set anew.
import { svg } from "./dom.js";

// An empty picture with one path: {picture, path}.
export function sparkOf(width, height, attributes) {
  const path = svg("path", { d: "" });
  return { picture: svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", ...attributes }, path), path };
}

// From 0 up to the largest value; a flat line where nothing moves.
export function sparkPath(values, width, height) {
  if (values.length < 2) return "";
  const most = values.reduce((top, value) => (value > top ? value : top), 0);
  const by = width / (values.length - 1), up = most > 0 ? (height - 2) / most : 0;
  let path = "", pen = "M";
  values.forEach((value, at) => {
    if (value == null) { pen = "M"; return; }
    path += `${pen}${(at * by).toFixed(1)} ${(height - 1 - value * up).toFixed(1)}`;
    pen = "L";
  });
  return path;
}

// What lies between two curves, over decades.
export function bandPath(low, high, width, height) {
  const known = [...low, ...high].filter((value) => value > 0).map(Math.log10);
  if (known.length < 4) return "";
  const top = Math.max(...known), bottom = Math.min(...known, top - 0.6), last = Math.max(1, low.length - 1);
  const place = (value, at) => `${((at / last) * width).toFixed(1)} ${(height - 2 - ((Math.log10(value) - bottom) / (top - bottom)) * (height - 4)).toFixed(1)}`;
  let path = "", upper = [], lower = [];
  for (let at = 0; at <= low.length; at += 1) {
    if (low[at] > 0 && high[at] > 0) { upper.push(place(high[at], at)); lower.unshift(place(low[at], at)); continue; }
    if (upper.length) path += `M${upper.concat(lower).join("L")}Z`;
    upper = []; lower = [];
  }
  return path;
}

// At most `points` of them: the largest of every few.
export function folded(values, points) {
  const by = Math.max(1, Math.ceil(values.length / points)), out = [];
  for (let from = 0; from < values.length; from += by) {
    let most = null;
    for (let at = from; at < Math.min(from + by, values.length); at += 1) if (values[at] != null && (most == null || values[at] > most)) most = values[at];
    out.push(most);
  }
  return out;
}
