// The settings: language, theme, colours and times; and where this recorder's data are.
import { byId, fetched, make, put } from "./dom.js";
import { stamp } from "./format.js";
import { addWords, t, worded } from "./i18n.js";
import { isLocal, setView, view } from "./view.js";

// {what: [its label, {value: the word for it}]}; a value without a word is its own.
const SETTINGS = {
  lang: ["language", { en: "English", ko: "한국어" }],
  theme: ["theme", { auto: "auto", light: "light", dark: "dark" }],
  colours: ["colours", { "": "by-language", west: "colours-west", korea: "colours-korea" }],
  time: ["time", { utc: "UTC", local: "local" }],
};

export async function mountSettings(form, store) {
  await Promise.all([addWords("settings"), fetched("/static/sheets.css")]);
  const where = make("p");
  const rows = Object.entries(SETTINGS).map(([key, [label, choices]]) => {
    const select = make("select", { id: `set-${key}` }, ...Object.entries(choices).map(([value, word]) => make("option", { value, ...(/^[a-z]/.test(word) ? { "data-t": word } : { text: word, ...(key === "lang" ? { lang: value } : {}) }) })));
    select.addEventListener("change", () => setView({ [key]: select.value }));
    form.append(make("label", {}, make("span", { "data-t": label }), select));
    return [key, select];
  });
  form.append(where);
  worded(form);
  form.addEventListener("submit", (event) => event.preventDefault());
  const box = byId("settings");
  document.addEventListener("pointerdown", (event) => { if (box.open && !box.contains(event.target)) box.open = false; });
  box.addEventListener("keydown", (event) => { if (event.key === "Escape" && box.open) { event.stopPropagation(); box.open = false; box.firstElementChild.focus(); } });
  store.subscribe(["view", "look", "meta"], () => {
    for (const [key, select] of rows) if (select.value !== view[key]) select.value = view[key];
    put(where, store.meta ? t("where", { hoga: store.meta.hoga, data: store.meta.data, since: stamp(store.meta.started, isLocal()) }) : "");
  });
}
