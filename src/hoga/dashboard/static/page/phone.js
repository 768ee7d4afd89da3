// What small windows have besides: five tabs, a curve in the room that "now" leaves, and the next instrument by a swipe. Loaded with small.css.
import { byId, make, mark, root } from "./dom.js";
import { isFlat } from "./layout.js";
import { setView, view } from "./view.js";

const TABS = { now: "◉", streams: "☰", book: "▤", curves: "∿", incidents: "⚑", trader: "⇄" };
const SWIPE = 60; // px

export function mountPhone(store) {
  const nav = byId("tabs"), list = byId("incidents"), chosen = byId("chosen");
  const buttons = Object.entries(TABS).map(([tab, glyph]) => {
    const button = make("button", { type: "button", "data-tab": tab }, make("span", { "aria-hidden": "true", text: glyph }), make("span", { "data-t": `tab-${tab}` }));
    button.addEventListener("click", () => { setView({ tab }); scrollTo(0, 0); });
    return button;
  });
  nav.append(...buttons);
  store.subscribe(["view", "look", "trader"], () => {
    for (const button of buttons) {
      mark(button, "aria-current", button.dataset.tab === root.dataset.tab ? "page" : null);
      if (button.dataset.tab === "trader") button.hidden = !store.trader;
    }
  });

  // The first screen: what room its figures leave is the curve's.
  store.subscribe(["size", "meta", "incidents", "view", "look", "reasons"], () => {
    if (root.dataset.mode !== "tabs" || root.dataset.tab !== "now") return;
    root.removeAttribute("data-now-curve");
    const left = () => innerHeight - (isFlat() ? 0 : nav.offsetHeight) - (list.getBoundingClientRect().bottom + scrollY) - 12;
    for (let shown = 3; shown >= 1; shown -= 1) { // as many of them as there is room for
      root.dataset.incidents = String(shown);
      if (left() >= -4) break;
    }
    if (left() < 120 || isFlat()) return;
    root.style.setProperty("--now-curve", `${Math.min(260, left())}px`);
    root.toggleAttribute("data-now-curve", true);
  });

  // The clock stands where times are: the bar has no room for it.
  store.subscribe(["size", "incidents", "look"], () => {
    const clock = byId("clock"), head = root.dataset.mode === "tabs" && list.querySelector(".head");
    if (head && clock.parentNode !== head) head.append(clock);
    else if (!head && list.contains(clock)) byId("link-said").after(clock);
  });

  let touched = null;
  chosen.addEventListener("touchstart", ({ touches }) => { touched = touches.length === 1 ? [touches[0].clientX, touches[0].clientY] : null; }, { passive: true });
  chosen.addEventListener("touchend", ({ changedTouches: [end] }) => {
    if (!touched || root.dataset.mode !== "tabs") return;
    const [x, y] = touched;
    if (Math.abs(end.clientX - x) > SWIPE && Math.abs(end.clientY - y) < SWIPE) store.step(end.clientX < x ? 1 : -1);
  }, { passive: true });
}
