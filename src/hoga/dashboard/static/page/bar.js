// The bar: the verdict in words, since when, when the next try is; and below it, only when not all is well, why.
import { byId, make, mark, put } from "./dom.js";
import { clock, span, stamp } from "./format.js";
import { known, languages, t } from "./i18n.js";
import { isDark, isLocal, RANGES, setView, view } from "./view.js";
import { alertText, happenedText, shortVerdict, verdictText, whenText } from "./words.js";

const GLYPHS = { recording: "●", degraded: "▲", stopped: "✕", waiting: "…" };
const STALE_S = 1.7;
const RECENT_MS = 600_000; // so long the bar speaks of what is over
const LINES = 2; // of reasons, until more are asked for

export function mountBar(slot, store) {
  let unfolded = false;
  const reasons = byId("reasons");

  // -- what the link says of all the rest
  const linkState = () => {
    const { link } = store;
    if (link.state === "live") return store.age() > STALE_S || (performance.now() - link.heard) / 1000 > STALE_S ? "stale" : "live";
    return link.state === "wait" || link.state === "full" || link.state === "over" ? link.state : "lost";
  };

  const paint = () => {
    const root = document.documentElement;
    const state = linkState();
    const gone = (state === "lost" || state === "over") && store.news != null;
    const seconds = Math.round((performance.now() - store.link.since) / 1000);
    const shown = gone ? "stopped" : store.news ? store.state : "waiting";
    mark(root, "data-state", shown);
    root.toggleAttribute("data-old", gone || state === "stale");
    put(byId("verdict-glyph"), GLYPHS[shown]);
    put(byId("verdict-word"), gone ? t("link-lost-word") : t(`state-${shown}`));
    put(byId("verdict-sub"), gone ? t("link-lost", { span: span(seconds) }) : subText(shown));
    mark(byId("verdict-sub"), "title", byId("verdict-sub").textContent);
    const title = `${GLYPHS[shown]} hoga: ${gone ? t("link-lost-word") : t(`state-${shown}`)}`;
    if (document.title !== title) document.title = title;
    mark(byId("link"), "data-link", state);
    put(byId("link-text"), state === "stale" ? t("age", { span: span(Math.round(store.age())) }) : t(`link-${state === "lost" ? "lost-short" : state}`));
    put(byId("clock"), store.news ? `${clock(store.clock(), isLocal())}${isLocal() ? "" : " UTC"}` : "");
    paintReasons(gone ? [] : [...store.reasons, ...alertsOf(store)]);
  };

  const subText = (state) => {
    if (!store.news) return "";
    const { totals, since } = store.news;
    if (state !== "recording") return store.reasons.length ? shortVerdict(store.reasons[0], store) : totals ? t("sub-recording", totals) : "";
    const parts = totals ? [t("sub-recording", totals)] : [];
    const start = since || store.meta?.started;
    if (start) parts.push(t("sub-since", { span: span((store.clock() - start) / 1000) }));
    const last = newest(store.incidents);
    if (last && store.clock() - last.to < RECENT_MS) parts.push(t("sub-last", { what: happenedText(last, store), span: span((last.to - last.from) / 1000), ago: span(Math.max(1, Math.round((store.clock() - last.to) / 1000))) }));
    return parts.join(" · ");
  };

  const paintReasons = (list) => {
    const more = list.length - LINES;
    const shown = unfolded ? list : list.slice(0, LINES);
    const was = reasons.hidden ? -1 : reasons.childElementCount;
    while (reasons.children.length > shown.length) reasons.lastChild.remove();
    shown.forEach((reason, at) => {
      const item = reasons.children[at] ?? reasons.appendChild(make("li", {}, make("span", { "aria-hidden": "true" }), make("span"), make("span", { class: "when" })));
      mark(item, "data-level", reason.level);
      put(item.children[0], reason.level === "bad" ? "✕" : "▲");
      put(item.children[1], reason.alert ? reason.text() : verdictText(reason, store));
      put(item.children[2], reason.alert ? "" : whenText(reason, store));
    });
    reasons.hidden = !shown.length;
    const button = byId("unfold");
    button.hidden = more <= 0;
    put(button, unfolded ? t("less") : `+${more}`);
    mark(button, "aria-label", unfolded ? t("less") : t("more-reasons", { count: more }));
    mark(button, "aria-expanded", String(unfolded));
    if (was !== (reasons.hidden ? -1 : reasons.childElementCount)) store.touch("reasons");
  };

  // -- the tools
  byId("unfold").addEventListener("click", () => { unfolded = !unfolded; paint(); });
  byId("find").addEventListener("click", () => { setView({ tab: "streams" }); byId("filter").focus(); });
  byId("theme").addEventListener("click", () => setView({ theme: isDark() ? "light" : "dark" }));
  byId("lang").addEventListener("click", () => setView({ lang: languages[(languages.indexOf(view.lang) + 1) % languages.length] }));
  const ranges = Object.keys(RANGES).map((range) => {
    const button = make("button", { type: "button", role: "radio", text: range });
    button.addEventListener("click", () => setView({ range }));
    byId("range").append(button);
    return button;
  });
  byId("range").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (ranges.findIndex((each) => each.textContent === view.range) + step + ranges.length) % ranges.length;
    setView({ range: ranges[next].textContent });
    ranges[next].focus();
  });
  mountSettings(store);

  store.subscribe(["now", "link", "tick", "look", "meta"], paint);
  store.subscribe(["view", "look", "pause", "meta"], () => {
    for (const button of ranges) {
      const on = button.textContent === view.range;
      mark(button, "aria-checked", String(on));
      mark(button, "tabindex", on ? "0" : "-1");
    }
    put(byId("lang"), view.lang === "ko" ? "EN" : "한");
    byId("ribbon").hidden = !store.meta?.simulated;
    document.documentElement.toggleAttribute("data-simulated", Boolean(store.meta?.simulated));
  });
  void slot;
}

const newest = (incidents) => incidents.reduce((found, each) => (!each.open && each.to != null && (!found || each.to > found.to) ? each : found), null);

// The alerts that no reason of the verdict speaks of: what is recorded, and yet odd. (Incidents have their own list.)
const SPOKEN = new Set(["gap", "disk", "clock"]);
function alertsOf(store) {
  const named = new Set(store.reasons.map((reason) => reason.args?.connection));
  return (store.slow?.hub?.alerts ?? []).filter(([kind, subject]) => !SPOKEN.has(kind) && !named.has(subject))
    .map(([kind, subject, text, code, args]) => ({ alert: true, level: "warn", text: () => `${known(`al-${kind}`) ? t(`al-${kind}`) : kind}, ${subject}: ${alertText(text, code, args)}` }));
}

const SETTINGS = [
  ["lang", "language", [["en", "English"], ["ko", "한국어"]]],
  ["theme", "theme", [["auto", "auto"], ["light", "light"], ["dark", "dark"]]],
  ["colours", "colours", [["", "by-language"], ["west", "colours-west"], ["korea", "colours-korea"]]],
  ["time", "time", [["utc", "UTC"], ["local", "local"]]],
];

function mountSettings(store) {
  const box = byId("settings"), form = byId("settings-form");
  const where = make("p");
  const rows = SETTINGS.map(([key, label, choices]) => {
    const select = make("select", { id: `set-${key}` }, ...choices.map(([value, name]) => make("option", { value, ...(key === "lang" ? { lang: value, text: name } : name === "UTC" ? { text: name } : { "data-t": name, text: t(name) }) })));
    select.addEventListener("change", () => setView({ [key]: select.value }));
    form.append(make("label", {}, make("span", { "data-t": label, text: t(label) }), select));
    return [key, select];
  });
  form.append(where);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("pointerdown", (event) => { if (box.open && !box.contains(event.target)) box.open = false; });
  box.addEventListener("keydown", (event) => { if (event.key === "Escape" && box.open) { event.stopPropagation(); box.open = false; box.firstElementChild.focus(); } });
  store.subscribe(["view", "look", "meta"], () => {
    for (const [key, select] of rows) if (select.value !== view[key]) select.value = view[key];
    put(where, store.meta ? t("where", { hoga: store.meta.hoga, data: store.meta.data, since: stamp(store.meta.started, isLocal()) }) : "");
  });
}
