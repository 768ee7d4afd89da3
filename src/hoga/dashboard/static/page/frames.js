// Pictures that want to be drawn, in animation frames: each at most once a frame, and no frame longer than it has to be.
// A tab that is hidden has no frames, so nothing is drawn in it.
const BUDGET_MS = 4;
const waiting = new Set();
let asked = false;

export const spent = { frames: 0, paints: 0, script_ms: 0, worst_ms: 0 };

export function soon(picture) {
  waiting.add(picture);
  if (!asked) { asked = true; requestAnimationFrame(frame); }
}

function frame() {
  asked = false;
  const began = performance.now();
  for (const picture of waiting) {
    waiting.delete(picture);
    try { picture.paint(); } catch (fault) { console.error(fault); } // one picture's fault is not the others'
    spent.paints += 1;
    if (performance.now() - began > BUDGET_MS) break;
  }
  const took = performance.now() - began;
  spent.frames += 1;
  spent.script_ms += took;
  spent.worst_ms = Math.max(spent.worst_ms, took);
  if (globalThis.hoga?.stats) globalThis.hoga.stats.script_ms += took;
  if (waiting.size && !asked) { asked = true; requestAnimationFrame(frame); }
}
