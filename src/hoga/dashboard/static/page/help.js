// What everything means: a sheet of keys and figures (`?`), and a popover on each label that carries `data-x`.
import { byId, make, mark, put } from "./dom.js";
import { known, t } from "./i18n.js";
import { closeSheet } from "./layout.js";
import { isDark, setView, view } from "./view.js";
import { languages } from "./i18n.js";

const KEYS = [["?", "help"], ["/", "find"], ["↑ ↓", "step"], ["b", "bad"], ["g", "log"], ["t", "theme"], ["l", "language"], ["Space", "pause"], ["1 2 3 4", "range"], ["Esc", "back"]];
const FIGURES = ["state", "rate", "latency", "share", "incidents", "todisk", "disk", "map", "charts", "load", "book", "heat", "today", "epoch", "health", "loss", "m-cpu", "m-collector", "m-memory", "m-disk", "m-fsync", "m-lag", "m-gc", "m-clock", "m-queue", "m-sealed", "m-odd", "m-publish"];

export function mountHelp(slot, store) {
  const body = make("div", { class: "help" });
  const close = make("button", { type: "button", class: "tool", "data-tip": "close", title: t("tip-close"), "aria-label": t("tip-close") }, make("span", { "aria-hidden": "true", text: "✕" }));
  slot.append(make("div", { class: "head" }, make("h2", { id: "h-help", "data-t": "help-title", text: t("help-title") }), make("span", { class: "push" }), close), body);
  close.addEventListener("click", () => slot.close());
  slot.addEventListener("click", (event) => { if (event.target === slot) slot.close(); });
  const fill = () => {
    const keys = make("dl", { class: "keys" }, ...KEYS.map(([key, name]) => make("div", {}, make("dt", {}, make("kbd", { text: key })), make("dd", { text: t(`key-${name}`) }))));
    const figures = make("dl", { class: "figures" }, ...FIGURES.map((key) => make("div", {}, make("dt", { text: nameOf(key) }), make("dd", { text: t(`x-${key}`) }))));
    body.replaceChildren(make("h3", { text: t("help-search") }), make("p", { text: t("help-search-text") }), make("h3", { text: t("help-keys") }), keys, make("h3", { text: t("help-figures") }), figures, make("p", { class: "soft", text: t("help-more") }));
  };
  const open = () => { fill(); if (!slot.open) slot.showModal(); };
  byId("help-open").addEventListener("click", open);
  store.subscribe(["look"], () => { if (slot.open) fill(); });
  mountPopover();

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") { if (event.key === "Escape") event.target.blur(); return; }
    if (slot.open) return;
    const act = {
      "?": open,
      "/": () => { setView({ tab: "streams" }); byId("filter").focus(); },
      t: () => setView({ theme: isDark() ? "light" : "dark" }),
      l: () => setView({ lang: languages[(languages.indexOf(view.lang) + 1) % languages.length] }),
      b: () => byId("only-bad").click(),
      g: () => byId("log-toggle").click(),
      1: () => setView({ range: "1m" }), 2: () => setView({ range: "15m" }), 3: () => setView({ range: "1h" }), 4: () => setView({ range: "24h" }),
      ArrowDown: event.target === document.body ? () => store.step(1) : null,
      ArrowUp: event.target === document.body ? () => store.step(-1) : null,
      Escape: () => { byId("settings").open = false; closeSheet(); },
    }[event.key];
    if (!act) return;
    if (event.key !== "Escape") event.preventDefault();
    act();
  });
}

const nameOf = (key) => (known(`tile-${key}`) ? t(`tile-${key}`) : known(`ml-${key.slice(2)}`) && key.startsWith("m-") ? t(`ml-${key.slice(2)}`) : t(`xn-${key}`));

// One popover for all: after a moment of hovering, on focus by keyboard, and on a tap.
function mountPopover() {
  const pop = byId("pop");
  let of = null, timer = 0;
  const hide = () => { clearTimeout(timer); if (of) { of.removeAttribute("aria-describedby"); of = null; } pop.hidden = true; };
  const show = (node) => {
    const text = t(`x-${node.dataset.x}`);
    if (text.startsWith("x-")) return;
    hide();
    of = node;
    put(pop, text);
    pop.hidden = false;
    mark(node, "aria-describedby", "pop");
    const at = node.getBoundingClientRect(), { offsetWidth: width, offsetHeight: height } = pop;
    const below = at.bottom + 6 + height < innerHeight || at.top < height + 12;
    pop.style.left = `${Math.max(4, Math.min(innerWidth - width - 4, at.left))}px`;
    pop.style.top = `${Math.max(4, below ? at.bottom + 6 : at.top - 6 - height)}px`;
  };
  const target = (event) => (event.target instanceof Element ? event.target.closest("[data-x]") : null);
  document.addEventListener("pointerover", (event) => { const node = target(event); if (node === of) return; clearTimeout(timer); if (!node) { if (of && document.activeElement !== of) hide(); return; } if (event.pointerType === "mouse") timer = setTimeout(() => show(node), 350); });
  document.addEventListener("focusin", (event) => { const node = target(event); if (node?.matches(":focus-visible")) show(node); else hide(); });
  document.addEventListener("click", (event) => { const node = target(event); if (node && !node.classList.contains("tile")) show(node); else hide(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && of) hide(); });
  addEventListener("scroll", hide, { passive: true, capture: true });
}
