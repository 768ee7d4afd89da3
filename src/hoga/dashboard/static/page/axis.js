// What all pictures share: which stretch of time is shown, where the cursor is, whether it stands still.
import { byId, make, mark, root, svg } from "./dom.js";
import { t } from "./i18n.js";
import { RANGES } from "./timeline.js";
import { setView, view } from "./view.js";

const LEAST_MS = 10_000;
const AROUND_MS = 30_000; // what is jumped to is shown with at least so much around it
const YOUNG = 0.97; // of a range: where less of it is known the picture begins with what is known

class Axis {
  constructor() {
    this.range = "15m";
    this.zoom = null;
    this.paused = 0; // the moment at which it stands still
    this.cursor = null;
    this.begin = Infinity; // the oldest moment of which a curve of the run is known
    this.listeners = new Set();
    this.read();
  }

  // Take over what the address says; another range ends the zoom.
  read() {
    const found = /^(\d{9,11})-(\d{9,11})$/.exec(view.zoom ?? "");
    let zoom = found && Number(found[1]) < Number(found[2]) ? [Number(found[1]) * 1000, Number(found[2]) * 1000] : null;
    const same = String(zoom) === String(this.zoom);
    if (view.range === this.range && same) return;
    if (zoom && same) { setView({ zoom: "" }); zoom = null; }
    this.range = view.range;
    this.zoom = zoom;
    this.tell("span");
  }

  on(listener) { this.listeners.add(listener); }
  tell(what) { for (const listener of this.listeners) listener(what); }

  // What is shown at the moment `now`, from and to.
  span(now) {
    if (this.zoom) return this.zoom;
    const to = this.paused || now, length = RANGES[this.range];
    return to - this.begin < length * YOUNG ? [Math.min(this.begin, to - AROUND_MS), to] : [to - length, to];
  }

  // The finest range that reaches back as far as what is shown.
  ring(now) {
    const [from] = this.span(now);
    return Object.keys(RANGES).find((range) => now - RANGES[range] <= from && (range === this.range || range !== "1m")) ?? "24h";
  }

  setZoom(from, to) {
    const short = Math.max(0, LEAST_MS - (to - from)) / 2;
    setView({ zoom: `${Math.floor((from - short) / 1000)}-${Math.ceil((to + short) / 1000)}` });
    this.read();
  }

  zoomTo(from, to) {
    const around = Math.max(AROUND_MS, (to - from) * 0.4);
    this.setZoom(from - around, to + around);
  }

  back() { if (this.paused) this.pause(0); setView({ zoom: "" }); this.read(); }

  pause(now) { this.paused = this.paused ? 0 : now; this.tell("span"); }

  setCursor(millis) { if (millis !== this.cursor) { this.cursor = millis; this.tell("cursor"); } }
}

export const axis = new Axis();

// Drawn, for not every system has letters for them.
const BACK = "M2 5h7a3 3 0 010 7H5v-2h4a1 1 0 000-2H2v2L-1 6l3-4z", GO_ON = "M3 2l9 5-9 5z", STAND = "M3 2h3v10H3zM8 2h3v10H8z";

// The controls beside the ranges in the bar: stand still, and back from a zoom. Space and Escape do the same.
export function mountAxis(slot, store) {
  const drawn = (shape) => {
    const path = svg("path", { d: shape }), button = make("button", { type: "button", class: "tool" }, svg("svg", { viewBox: "-1 0 15 14", width: 15, height: 14, "aria-hidden": "true", fill: "currentColor" }, path));
    return [button, path];
  };
  const [still, path] = drawn(STAND), [back] = drawn(BACK);
  (byId("clock") ?? slot.previousSibling)?.after(still);
  const toggle = () => axis.pause(store.now);
  still.addEventListener("click", toggle);
  back.addEventListener("click", () => { axis.back(); if (document.activeElement === document.body) slot.querySelector("button")?.focus(); });
  const show = () => {
    mark(path, "d", axis.paused ? GO_ON : STAND);
    for (const name of ["aria-label", "title"]) { mark(still, name, t(axis.paused ? "go-on" : "stand-still")); mark(back, name, t("zoom-back")); }
    mark(still, "aria-pressed", String(Boolean(axis.paused)));
    back.hidden = !axis.zoom;
    root.toggleAttribute("data-paused", Boolean(axis.paused));
    store.touch("pause");
  };
  axis.on((what) => { if (what === "span") show(); });
  store.subscribe(["view"], () => axis.read());
  store.subscribe(["size"], () => { if (slot.nextSibling !== back) slot.after(back); }); // the ranges stand in the bar, or on a phone with the curves
  store.on("look", show);
  show();
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea, button, a, summary, dialog")) return;
    if (event.key === " ") { event.preventDefault(); toggle(); }
    if (event.key === "Escape" && axis.zoom) axis.back();
  });
}
