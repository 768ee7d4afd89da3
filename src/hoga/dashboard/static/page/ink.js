// The colours that canvases draw with: the page's own tokens, read once for each look.
const NAMES = ["card", "ink", "soft", "line", "grid", "accent", "curve", "good", "warn", "bad", "bid", "ask"];
let known = null, turn = 0;

// To be called when the theme or the colours are others.
export function restyle() { known = null; turn += 1; }

export function ink() {
  if (known) return known;
  const style = getComputedStyle(document.documentElement);
  known = { turn, font: "11px system-ui, \"Noto Sans KR\", sans-serif" };
  for (const name of NAMES) known[name] = style.getPropertyValue(`--${name}`).trim();
  return known;
}

export const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

// `share` of one colour over another, opaque.
export function mix(over, under, share) {
  const a = parts(over), b = parts(under);
  return `#${a.map((value, at) => Math.round(b[at] + (value - b[at]) * share).toString(16).padStart(2, "0")).join("")}`;
}

export const clear = (colour, alpha) => `rgba(${parts(colour).join(",")},${alpha})`;
