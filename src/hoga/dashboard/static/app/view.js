// How the viewer wants to see it, kept in the address so that it can be shared and survives a reload.
const DEFAULTS = { lang: "", theme: "auto", colours: "", time: "utc", sort: "", filter: "", bad: "", stream: "" };
const listeners = new Set();
const dark = matchMedia("(prefers-color-scheme: dark)");

export const view = { ...DEFAULTS };

export function loadView() {
  Object.assign(view, DEFAULTS, Object.fromEntries([...new URLSearchParams(location.hash.slice(1))].filter(([key]) => key in DEFAULTS)));
  if (!view.lang) view.lang = (navigator.language || "en").startsWith("ko") ? "ko" : "en";
  applyLook();
}

export function setView(changes) {
  Object.assign(view, changes);
  const kept = Object.entries(view).filter(([key, value]) => value && value !== DEFAULTS[key]);
  history.replaceState(null, "", `${location.pathname}${kept.length ? `#${new URLSearchParams(kept)}` : ""}`);
  applyLook();
  for (const listener of listeners) listener(changes);
}

export const onView = (listener) => listeners.add(listener);
export const isDark = () => view.theme === "dark" || (view.theme === "auto" && dark.matches);
export const colours = () => view.colours || (view.lang === "ko" ? "korea" : "west"); // by the custom of the language, unless chosen
export const isLocal = () => view.time === "local";

function applyLook() {
  const root = document.documentElement;
  root.toggleAttribute("data-dark", isDark());
  root.dataset.colours = colours();
}

dark.addEventListener("change", () => setView({}));
