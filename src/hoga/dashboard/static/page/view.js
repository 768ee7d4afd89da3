// How the viewer wants to see it, kept in the address: it can be shared, survives a reload, and needs no storage.
import { RANGES } from "./timeline.js";

const DEFAULTS = { lang: "", theme: "auto", colours: "", time: "utc", sort: "", filter: "", stream: "", range: "15m", tab: "now", zoom: "", level: "", log: "" };
const LOOK = ["lang", "theme", "colours", "time"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const KEEP_MS = 600, AT_ONCE = 40; // some browsers refuse the hundredth change of the address in half a minute
let told = () => {}, kept = "", due = -Infinity, later = 0;

export const view = { ...DEFAULTS };

// `onChange(keys)`: the store is told which of them changed.
export function beginView(onChange) {
  told = onChange;
  loadView();
  addEventListener("hashchange", () => { loadView(); told([...Object.keys(view)], true); });
  dark.addEventListener("change", () => { applyLook(); told(["theme"], true); });
}

export function loadView() {
  Object.assign(view, DEFAULTS, Object.fromEntries([...new URLSearchParams(location.hash.slice(1))].filter(([key]) => key in DEFAULTS)));
  if (!view.lang) view.lang = (navigator.language || "en").startsWith("ko") ? "ko" : "en";
  if (!(view.range in RANGES)) view.range = DEFAULTS.range;
  kept = location.hash;
  applyLook();
}

export function setView(changes) {
  const keys = Object.keys(changes).filter((key) => view[key] !== changes[key]);
  if (!keys.length) return;
  Object.assign(view, changes);
  if (due <= performance.now()) keep(); else later ||= setTimeout(keep, due - performance.now());
  applyLook();
  told(keys, keys.some((key) => LOOK.includes(key)));
}

function keep() {
  later = 0;
  if (location.hash !== kept) return; // another one has come
  due = Math.max(due, performance.now() - AT_ONCE * KEEP_MS) + KEEP_MS;
  const said = Object.entries(view).filter(([key, value]) => value && value !== DEFAULTS[key]);
  try { history.replaceState(history.state, "", `${location.pathname}${location.search}${said.length ? `#${new URLSearchParams(said)}` : ""}`); } catch { later = setTimeout(keep, 9 * KEEP_MS); }
  kept = location.hash;
}

export const isDark = () => view.theme === "dark" || (view.theme === "auto" && dark.matches);
export const colours = () => view.colours || (view.lang === "ko" ? "korea" : "west"); // by the custom of the language, unless chosen
export const isLocal = () => view.time === "local";

function applyLook() {
  const root = document.documentElement;
  root.toggleAttribute("data-dark", isDark());
  root.dataset.colours = colours();
  root.dataset.tab = view.tab;
}
