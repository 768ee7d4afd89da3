// Pictures that want to be drawn: each at most once an animation frame, no frame longer than it has to be.
const BUDGET_MS = 4;
const waiting = new Set();
let asked = false;

export function soon(picture) {
  waiting.add(picture);
  if (!asked) { asked = true; requestAnimationFrame(frame); }
}

function frame() {
  asked = false;
  const began = performance.now();
  let took = 0;
  for (const picture of waiting) {
    waiting.delete(picture);
    try { picture.paint(); } catch (fault) { console.error(fault); } // one picture's fault is not the others'
    took = performance.now() - began;
    if (took > BUDGET_MS) break;
  }
  if (globalThis.hoga) globalThis.hoga.stats.script_ms += took;
  if (waiting.size) soon(waiting.values().next().value);
}
