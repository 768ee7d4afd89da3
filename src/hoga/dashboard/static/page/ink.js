// The colours that canvases draw with: the page's own tokens, read once for each look.
const NAMES = ["bg", "card", "ink", "soft", "line", "grid", "accent", "curve", "good", "warn", "bad", "bid", "ask"];
const SPARE = { bg: "#f4f6f8", card: "#ffffff", ink: "#15202b", soft: "#52606d", line: "#d5dce3", grid: "#e3e8ed", accent: "#0b5cad", curve: "#1d6fb8", good: "#12703f", warn: "#8a5200", bad: "#b42318", bid: "#12703f", ask: "#b42318" };
let known = null;
let turn = 0;

// To be called when the theme or the colours are others.
export function restyle() { known = null; turn += 1; }

export function ink() {
  if (known) return known;
  const style = getComputedStyle(document.documentElement);
  known = { turn, font: "11px system-ui, \"Noto Sans KR\", sans-serif" };
  for (const name of NAMES) known[name] = whole(style.getPropertyValue(`--${name}`).trim()) ?? SPARE[name];
  return known;
}

// "#abc" and "#aabbcc" as the latter, null for anything else.
function whole(text) {
  if (/^#[0-9a-f]{6}$/i.test(text)) return text;
  return /^#[0-9a-f]{3}$/i.test(text) ? `#${[...text.slice(1)].map((sign) => sign + sign).join("")}` : null;
}

export const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

// `share` of one colour over another, opaque.
export function mix(over, under, share) {
  const a = parts(over), b = parts(under);
  return `#${a.map((value, at) => Math.round(b[at] + (value - b[at]) * share).toString(16).padStart(2, "0")).join("")}`;
}

export const clear = (colour, alpha) => `rgba(${parts(colour).join(",")},${alpha})`;
