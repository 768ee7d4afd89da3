// The keys of the page; and its help, which is loaded when somebody first asks what something means.
import { byId } from "./dom.js";
import { languages } from "./i18n.js";
import { closeSheet } from "./layout.js";
import { RANGES } from "./timeline.js";
import { isDark, setView, view } from "./view.js";

export const otherTheme = () => setView({ theme: isDark() ? "light" : "dark" });
export const otherLanguage = () => setView({ lang: languages[(languages.indexOf(view.lang) + 1) % languages.length] });
export const search = () => { setView({ tab: "streams" }); byId("filter").focus(); };

export function mountKeys(store) {
  const sheet = byId("help");
  const help = async () => (await import("./help.js")).helpOf(sheet, store);
  const open = async () => (await help()).open();
  byId("help-open").addEventListener("click", open);

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") { if (event.key === "Escape") event.target.blur(); return; }
    if (sheet.open) return;
    const free = event.target === document.body;
    const act = {
      "?": open, "/": search, t: otherTheme, l: otherLanguage,
      b: () => byId("only-bad").click(),
      g: () => byId("log-toggle").click(),
      ...Object.fromEntries(Object.keys(RANGES).map((range, at) => [at + 1, () => setView({ range })])),
      ArrowDown: free && (() => store.step(1)),
      ArrowUp: free && (() => store.step(-1)),
      Escape: () => { byId("settings").open = false; closeSheet(); },
    }[event.key];
    if (!act) return;
    if (event.key !== "Escape") event.preventDefault();
    act();
  });

  // Labels that carry `data-x` tell what they mean: the first that is pointed at, or has the focus, brings the help.
  const first = async (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-x]")) return;
    for (const kind of ["pointerover", "focusin"]) document.removeEventListener(kind, first);
    (await help()).follow(event);
  };
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, first);
}
