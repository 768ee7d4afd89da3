// The map of streams as reckoned: where each cell lies, its state and its brightness. Pure.
import { severity, STATES } from "./states.js";

// 0 to 4: nothing at all, far below, below, as usual, above. Without a usual rate a stream with frames is as usual.
export function brightness(rate, usual) {
  if (!rate) return 0;
  if (!usual) return 3;
  const times = rate / usual;
  return times < 0.25 ? 1 : times < 0.6 ? 2 : times <= 2 ? 3 : 4;
}

// The largest cells, `least` to `most` dots wide, that fit `count` of them into width × height; a taller map where even the
// least do not fit.
export function grid(count, width, height, { least = 6, most = 22 } = {}) {
  const room = Math.max(least, Math.floor(width));
  for (let size = most; size >= least; size -= 1) {
    const columns = Math.max(1, Math.floor(room / size));
    const rows = Math.ceil(count / columns);
    if (rows * size <= height || size === least) return { size, columns, rows, height: Math.max(1, rows) * size };
  }
  return null;
}

export function cellAt({ size, columns }, count, x, y) {
  const column = Math.floor(x / size), row = Math.floor(y / size);
  if (x < 0 || y < 0 || column >= columns) return -1;
  const at = row * columns + column;
  return at < count ? at : -1;
}

// Where an arrow leads from cell `at`; at the rim it stays.
export function step({ columns }, count, at, key) {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (by == null) return null;
  const to = at + by;
  return to >= 0 && to < count ? to : at;
}

export function tally(flags) {
  const counts = new Array(STATES.length).fill(0);
  for (const each of flags) counts[severity(each)] += 1;
  return counts;
}
