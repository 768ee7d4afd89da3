// What everything means: a sheet of keys and figures (`?`), and a popover on each label that carries `data-x`.
import { byId, fetched, head, make, mark, put, tool } from "./dom.js";
import { addWords, known, t, worded } from "./i18n.js";

const KEYS = [["?", "help"], ["/", "find"], ["↑ ↓", "step"], ["b", "bad"], ["g", "log"], ["t", "theme"], ["l", "language"], ["Space", "pause"], ["1 2 3 4", "range"], ["Esc", "back"]];
const FIGURES = ["state", "rate", "latency", "share", "incidents", "todisk", "disk", "map", "charts", "load", "book", "heat", "today", "epoch", "health", "loss", "m-cpu", "m-collector", "m-memory", "m-disk", "m-fsync", "m-lag", "m-gc", "m-clock", "m-queue", "m-sealed", "m-odd", "m-publish"];
const HOVER_MS = 350;

let help = null;

// {open(), follow(event)}: the sheet, and what a label that is pointed at means.
export function helpOf(slot, store) {
  return help ??= Promise.all([addWords("help"), fetched("/static/sheets.css")]).then(() => ({ open: mountSheet(slot, store), follow: mountPopover() })).catch((fault) => { help = null; throw fault; });
}

function mountSheet(slot, store) {
  const body = make("div", { class: "help" }), close = tool("close", "✕");
  slot.append(head("help", make("span", { "data-t": "help-title" }), make("span", { class: "push" }), close), body);
  worded(slot);
  close.addEventListener("click", () => slot.close());
  slot.addEventListener("click", (event) => { if (event.target === slot) slot.close(); });
  const list = (name, pairs) => make("dl", { class: name }, ...pairs.map(([term, text]) => make("div", {}, make("dt", {}, term), make("dd", { text }))));
  const fill = () => body.replaceChildren(
    make("h3", { text: t("help-search") }), make("p", { text: t("help-search-text") }),
    make("h3", { text: t("help-keys") }), list("keys", KEYS.map(([key, name]) => [make("kbd", { text: key }), t(`key-${name}`)])),
    make("h3", { text: t("help-figures") }), list("figures", FIGURES.map((key) => [nameOf(key), t(`x-${key}`)])),
    make("p", { class: "soft", text: t("help-more") }),
  );
  store.subscribe(["look"], () => { if (slot.open) fill(); });
  return () => { fill(); if (!slot.open) slot.showModal(); };
}

const nameOf = (key) => t([`tile-${key}`, `ml-${key.slice(2)}`].find((each, at) => known(each) && (!at || key.startsWith("m-"))) ?? `xn-${key}`);

// One popover for all: after a moment of hovering, on focus by keyboard, and on a tap.
function mountPopover() {
  const pop = byId("pop");
  let of = null, timer = 0;
  const hide = () => { clearTimeout(timer); of?.removeAttribute("aria-describedby"); of = null; pop.hidden = true; };
  const show = (node) => {
    if (!known(`x-${node.dataset.x}`)) return;
    hide();
    of = node;
    put(pop, t(`x-${node.dataset.x}`));
    pop.hidden = false;
    mark(node, "aria-describedby", "pop");
    const at = node.getBoundingClientRect(), { offsetWidth: width, offsetHeight: height } = pop;
    const below = at.bottom + 6 + height < innerHeight || at.top < height + 12;
    pop.style.left = `${Math.max(4, Math.min(innerWidth - width - 4, at.left))}px`;
    pop.style.top = `${Math.max(4, below ? at.bottom + 6 : at.top - 6 - height)}px`;
  };
  const target = (event) => (event.target instanceof Element ? event.target.closest("[data-x]") : null);
  const follow = (event) => {
    const node = target(event);
    if (event.type === "focusin") { if (node?.matches(":focus-visible")) show(node); else hide(); return; }
    if (node === of) return;
    clearTimeout(timer);
    if (!node) { if (of && document.activeElement !== of) hide(); } else if (event.pointerType === "mouse") timer = setTimeout(() => show(node), HOVER_MS);
  };
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, follow);
  document.addEventListener("click", (event) => { const node = target(event); if (node && !node.classList.contains("tile")) show(node); else hide(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && of) hide(); });
  addEventListener("scroll", hide, { passive: true, capture: true });
  return follow;
}
