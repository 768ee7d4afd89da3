// Which of the four layouts it is, the five tabs, the sheet, and what stands where when there is little to show.
import { make, mark } from "./dom.js";
import { t } from "./i18n.js";
import { setView, view } from "./view.js";

const TABS = [["now", "◉"], ["streams", "☰"], ["book", "▤"], ["curves", "∿"], ["incidents", "⚑"], ["trader", "⇄"]];
const FEW = 12; // instruments: what stands below the first screen else has room beside them

export function mountLayout(root, store) {
  const page = document.getElementById("page"), side = document.getElementById("side"), nav = document.getElementById("tabs"), top = document.getElementById("top");
  const moved = ["incidents", "connections", "machine"].map((id) => document.getElementById(id));
  const home = document.createComment("incidents, connections and machine");
  moved[0].before(home);
  const range = document.getElementById("range"), tools = document.getElementById("tools"), charts = document.getElementById("charts");
  const place = document.createComment("range");
  range.before(place);
  const buttons = TABS.map(([tab, glyph]) => {
    const label = make("span", { "data-t": `tab-${tab}`, text: t(`tab-${tab}`) });
    const button = make("button", { type: "button", "data-tab": tab }, make("span", { "aria-hidden": "true", text: glyph }), label);
    button.addEventListener("click", () => { setView({ tab }); scrollTo(0, 0); });
    nav.append(button);
    return button;
  });

  const measure = () => {
    const { innerWidth: width, innerHeight: height } = window;
    const flat = height <= 480 && width >= 560 && width <= 1000;
    root.dataset.mode = width < 640 || flat ? "tabs" : width < 1100 ? "tablet" : width < 1600 ? "desk" : "wide";
    root.toggleAttribute("data-flat", flat);
    const few = store.instruments.length > 0 && store.instruments.length <= FEW;
    root.toggleAttribute("data-few", few);
    root.style.setProperty("--few", String(store.instruments.length || 6));
    const beside = few && (root.dataset.mode === "wide" || root.dataset.mode === "desk");
    if (beside !== side.contains(moved[0])) {
      if (beside) side.append(...moved); else home.after(...moved);
    }
    const inBar = root.dataset.mode !== "tabs"; // a phone has no room for it there
    if (inBar !== tools.contains(range)) { if (inBar) place.after(range); else charts.prepend(range); }
    if (root.dataset.mode !== "tablet") root.removeAttribute("data-sheet");
    const reasons = document.getElementById("reasons");
    root.style.setProperty("--reasons", `${reasons.hidden ? 0 : reasons.offsetHeight}px`);
  };

  store.subscribe(["size", "meta", "look", "reasons"], measure);
  new ResizeObserver(() => store.touch("reasons")).observe(top);
  addEventListener("resize", measure); // at once: nothing is drawn for a width that is gone
  measure();

  // The first screen of a phone: what room its figures leave is the curve's.
  store.subscribe(["size", "meta", "incidents", "view", "look", "reasons"], () => {
    if (root.dataset.mode !== "tabs" || root.dataset.tab !== "now") return;
    root.removeAttribute("data-now-curve");
    const list = document.getElementById("incidents");
    const flat = () => root.hasAttribute("data-flat");
    const left = () => innerHeight - (flat() ? 0 : nav.offsetHeight) - (list.getBoundingClientRect().bottom + scrollY) - 12;
    for (let shown = 3; shown >= 1; shown -= 1) { // as many of them as there is room for
      root.dataset.incidents = String(shown);
      if (left() >= -4) break;
    }
    if (left() < 120 || flat()) return;
    root.style.setProperty("--now-curve", `${Math.min(260, left())}px`);
    root.toggleAttribute("data-now-curve", true);
  });
  store.subscribe(["view", "look", "trader"], () => {
    const tab = view.tab === "trader" && !store.trader ? "now" : view.tab;
    root.dataset.tab = tab;
    for (const button of buttons) {
      mark(button, "aria-current", button.dataset.tab === tab ? "page" : null);
      if (button.dataset.tab === "trader") button.hidden = !store.trader;
    }
  });
  void page;
}

// The chosen one comes in as a sheet, or its tab is opened, where it is not beside the list.
export function openChosen() {
  const root = document.documentElement;
  if (root.dataset.mode === "tablet") {
    root.toggleAttribute("data-sheet", true);
    document.getElementById("sheet-close")?.focus();
  } else if (root.dataset.mode === "tabs") {
    setView({ tab: "book" });
    scrollTo(0, 0);
  }
}

export function closeSheet() {
  const root = document.documentElement;
  if (!root.hasAttribute("data-sheet")) return false;
  root.removeAttribute("data-sheet");
  document.getElementById("list")?.focus();
  return true;
}

// To the part of the page that says more.
export function leadTo(id) {
  const tab = { charts: "curves", today: "curves", incidents: "incidents", machine: "incidents", streams: "streams" }[id];
  if (document.documentElement.dataset.mode === "tabs" && tab) setView({ tab });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  requestAnimationFrame(() => document.getElementById(id)?.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "nearest" }));
}
