// What all pictures of the page share: which stretch of time is shown, where the cursor is, and whether it stands still.
import { make, mark } from "./dom.js";
import { t } from "./i18n.js";
import { RANGES, spanOf } from "./timeline.js";
import { setView, view } from "./view.js";

const LEAST_MS = 10_000;
const AROUND_MS = 30_000; // what is jumped to is shown with at least so much around it

class Axis {
  constructor() {
    this.range = "15m";
    this.zoom = null;
    this.paused = 0; // the moment at which it stands still
    this.cursor = null;
    this.listeners = new Set();
    this.read();
  }

  // Take over what the address says.
  read() {
    const range = view.range in RANGES ? view.range : "15m";
    const found = /^(\d{9,11})-(\d{9,11})$/.exec(view.zoom ?? "");
    const zoom = found && Number(found[1]) < Number(found[2]) ? [Number(found[1]) * 1000, Number(found[2]) * 1000] : null;
    if (range !== this.range && this.zoom && zoom?.[0] === this.zoom[0] && zoom[1] === this.zoom[1]) { setView({ zoom: "" }); this.zoom = null; this.range = range; this.tell("span"); return; } // another range ends the zoom
    const same = zoom?.[0] === this.zoom?.[0] && zoom?.[1] === this.zoom?.[1];
    if (range === this.range && same) return;
    this.range = range;
    this.zoom = zoom;
    this.tell("span");
  }

  on(listener) { this.listeners.add(listener); }
  tell(what) { for (const listener of this.listeners) listener(what); }

  // What is shown at the moment `now`, from and to.
  span(now) { return spanOf(this.range, this.zoom, this.paused || now); }

  // The finest range that reaches back as far as what is shown.
  ring(now) {
    if (!this.zoom) return this.range;
    return Object.keys(RANGES).find((range) => range !== "1m" && now - RANGES[range] <= this.zoom[0]) ?? "24h";
  }

  setRange(range) { setView({ range, zoom: "" }); }

  setZoom(from, to) {
    const short = LEAST_MS - (to - from);
    if (short > 0) { from -= short / 2; to += short / 2; }
    setView({ zoom: `${Math.floor(from / 1000)}-${Math.ceil(to / 1000)}` });
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

// The controls beside the ranges in the bar: stand still, and back from a zoom. Space and Escape do the same.
export function mountAxis(slot, store) {
  const still = make("button", { type: "button", class: "tool" });
  const back = make("button", { type: "button", class: "tool" });
  const path = glyph(still, "");
  glyph(back, "M2 5h7a3 3 0 010 7H5v-2h4a1 1 0 000-2H2v2L-1 6l3-4z");
  (document.getElementById("clock") ?? slot.previousSibling)?.after(still);
  const follow = () => { if (slot.nextSibling !== back) slot.after(back); }; // the ranges stand in the bar, or on a phone with the curves
  const toggle = () => axis.pause(store.now);
  const goBack = () => { axis.back(); if (document.activeElement === document.body) slot.querySelector("button")?.focus(); };
  still.addEventListener("click", toggle);
  back.addEventListener("click", goBack);
  const show = () => {
    path.setAttribute("d", axis.paused ? "M3 2l9 5-9 5z" : "M3 2h3v10H3zM8 2h3v10H8z");
    for (const name of ["aria-label", "title"]) { mark(still, name, t(axis.paused ? "go-on" : "stand-still")); mark(back, name, t("zoom-back")); }
    mark(still, "aria-pressed", String(Boolean(axis.paused)));
    back.hidden = !axis.zoom;
    document.documentElement.toggleAttribute("data-paused", Boolean(axis.paused));
    store.touch("pause");
  };
  axis.on((what) => { if (what === "span") show(); });
  store.subscribe(["view"], () => axis.read());
  store.subscribe(["size"], follow);
  store.on("look", show);
  show();
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea, button, a, summary, dialog")) return;
    if (event.key === " ") { event.preventDefault(); toggle(); }
    if (event.key === "Escape" && axis.zoom) axis.back();
  });
}

// Drawn, for not every system has letters for it.
function glyph(button, shape) {
  const SVG = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  for (const [name, value] of Object.entries({ viewBox: "-1 0 15 14", width: "15", height: "14", "aria-hidden": "true", fill: "currentColor" })) picture.setAttribute(name, value);
  path.setAttribute("d", shape);
  picture.append(path);
  button.append(picture);
  return path;
}
