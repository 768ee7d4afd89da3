// Which of the four layouts it is, the sheet, and what stands where. What a small window needs is in `phone`.
import { byId, fetched, root } from "./dom.js";
import { worded } from "./i18n.js";
import { setView, view } from "./view.js";

const FEW = 12; // instruments: more has room beside them
let phone = null;

export const isFlat = () => innerHeight <= 480 && innerWidth >= 560 && innerWidth <= 1000;
const isSmall = () => innerWidth < 1100;

// What a small window needs, once; there is nothing to wait for where it is none.
export async function beginLayout() {
  if (isSmall() && !phone) [phone] = await Promise.all([import("./phone.js"), fetched("/static/small.css")]);
}

export function mountLayout(store) {
  const side = byId("side"), range = byId("range"), tools = byId("tools"), charts = byId("charts"), reasons = byId("reasons");
  const moved = ["incidents", "connections", "machine"].map(byId);
  const home = document.createComment("incidents, connections and machine"), place = document.createComment("range");
  moved[0].before(home);
  range.before(place);
  let mounted = false;

  const modeOf = () => {
    if (isSmall() && !phone) beginLayout().then(measure, console.error);
    if (phone && !mounted) { mounted = true; phone.mountPhone(store); worded(byId("tabs")); }
    if (phone && isSmall()) return innerWidth < 640 || isFlat() ? "tabs" : "tablet";
    return innerWidth < 1600 ? "desk" : "wide";
  };

  const measure = () => {
    const mode = root.dataset.mode = modeOf();
    root.toggleAttribute("data-flat", mode === "tabs" && isFlat());
    const few = store.instruments.length > 0 && store.instruments.length <= FEW;
    root.toggleAttribute("data-few", few);
    root.style.setProperty("--few", String(store.instruments.length || 6));
    const beside = few && (mode === "wide" || mode === "desk");
    if (beside !== side.contains(moved[0])) { if (beside) side.append(...moved); else home.after(...moved); }
    const inBar = mode !== "tabs"; // a phone has no room for it there
    if (inBar !== tools.contains(range)) { if (inBar) place.after(range); else charts.prepend(range); }
    if (mode !== "tablet") root.removeAttribute("data-sheet");
    root.style.setProperty("--reasons", `${reasons.hidden ? 0 : reasons.offsetHeight}px`);
  };

  store.subscribe(["size", "meta", "look", "reasons"], measure);
  new ResizeObserver(() => store.touch("reasons")).observe(byId("top"));
  addEventListener("resize", measure); // at once
  measure();

  store.subscribe(["view", "look", "trader"], () => { root.dataset.tab = view.tab === "trader" && !store.trader ? "now" : view.tab; });
}

// The chosen one comes in as a sheet, or its tab is opened, where it is not beside the list.
export function openChosen() {
  if (root.dataset.mode === "tablet") {
    root.toggleAttribute("data-sheet", true);
    byId("sheet-close")?.focus();
  } else if (root.dataset.mode === "tabs") {
    setView({ tab: "book" });
    scrollTo(0, 0);
  }
}

export function closeSheet() {
  if (!root.hasAttribute("data-sheet")) return;
  root.removeAttribute("data-sheet");
  byId("list")?.focus();
}

// To the part of the page that says more.
export function leadTo(id) {
  const tab = { charts: "curves", today: "curves", incidents: "incidents", machine: "incidents" }[id];
  if (root.dataset.mode === "tabs") setView({ tab });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  requestAnimationFrame(() => byId(id).scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "nearest" }));
}
