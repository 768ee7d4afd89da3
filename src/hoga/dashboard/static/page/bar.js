// The bar: the verdict in words, since when, when the next try is; and below it, only when not all is well, why.
import { byId, List, make, mark, put, root } from "./dom.js";
import { clock, count, span } from "./format.js";
import { t } from "./i18n.js";
import { otherLanguage, otherTheme, search } from "./keys.js";
import { RANGES } from "./timeline.js";
import { isLocal, setView, view } from "./view.js";
import { happenedText } from "./words.js";

const GLYPHS = { recording: "●", degraded: "▲", stopped: "✕", waiting: "…" };
const STALE_S = 1.7;
const RECENT_MS = 600_000; // so long the bar speaks of what is over
const LINES = { tabs: 2, wide: 3 }; // of reasons, until more are asked for

export function mountBar(store) {
  let unfolded = false;
  const reasons = byId("reasons"), sub = byId("verdict-sub"), unfold = byId("unfold");

  // -- what the link says of all the rest
  const linkState = () => {
    const { link } = store;
    if (link.state === "live") return store.age() > STALE_S ? "stale" : "live";
    return ["wait", "full", "over"].includes(link.state) ? link.state : "lost";
  };

  const paint = () => {
    const link = linkState(), lost = (link === "lost" || link === "over") && store.news != null;
    const shown = lost ? "stopped" : store.news ? store.state : "waiting";
    const word = t(lost ? "link-lost-word" : `state-${shown}`), title = `${GLYPHS[shown]} hoga: ${word}`;
    mark(root, "data-state", shown);
    root.toggleAttribute("data-old", lost || link === "stale");
    put(byId("verdict-glyph"), GLYPHS[shown]);
    put(byId("verdict-word"), word);
    put(sub, link === "over" ? t("link-over") : lost ? t("link-lost", { span: span(Math.round((Date.now() - store.link.since) / 1000)) }) : subText(shown));
    mark(sub, "title", sub.textContent);
    if (document.title !== title) document.title = title;
    mark(byId("link"), "data-link", link);
    const state = t(`link-${link === "lost" ? "lost-short" : link}`);
    put(byId("link-said"), state);
    put(byId("link-text"), link === "stale" ? t("age", { span: span(Math.round(store.age())) }) : state);
    put(byId("clock"), store.news ? `${clock(store.clock(), isLocal())}${isLocal() ? "" : " UTC"}` : "");
    paintReasons(lost ? [] : [...store.reasons, ...store.alerts]);
  };

  const subText = (state) => {
    if (!store.news) return "";
    const { totals, since } = store.news, now = store.clock(), parts = totals ? [t("sub-recording", { live: count(totals.live), streams: count(totals.streams) })] : [];
    if (state !== "recording") return store.reasons.length ? store.trouble?.shortVerdict(store.reasons[0], store) ?? "" : parts.join();
    const last = newest(store.incidents);
    if (since) parts.push(t("sub-since", { span: span((now - since) / 1000) }));
    if (last && Math.abs(now - last.to) < RECENT_MS) parts.unshift(t("sub-last", { what: happenedText(last, store), span: span((last.to - last.from) / 1000), ago: span(Math.max(1, Math.round((now - last.to) / 1000))) }));
    return parts.join(" · ");
  };

  const lines = new List(reasons, () => {
    const [glyph, text, when] = [make("span", { "aria-hidden": "true" }), make("span"), make("span", { class: "when" })];
    return { item: make("li", {}, glyph, text, when), glyph, text, when };
  }, (node, reason) => {
    mark(node.item, "data-level", reason.level);
    put(node.glyph, reason.level === "bad" ? "✕" : "▲");
    put(node.text, reason.text ?? store.trouble?.verdictText(reason, store) ?? "");
    put(node.when, reason.text ? "" : store.trouble?.whenText(reason, store) ?? "");
  });

  const paintReasons = (list) => {
    const most = LINES[root.dataset.mode] ?? LINES.wide, more = list.length - most, was = reasons.hidden ? 0 : reasons.childElementCount;
    lines.show(unfolded ? list : list.slice(0, most));
    reasons.hidden = !list.length;
    unfold.hidden = more <= 0;
    put(unfold, unfolded ? t("less") : `+${more}`);
    mark(unfold, "aria-label", unfolded ? t("less") : t("more-reasons", { count: more }));
    mark(unfold, "aria-expanded", String(unfolded));
    if (was !== reasons.childElementCount) store.touch("reasons");
  };

  // -- the tools
  for (const [id, act] of Object.entries({ unfold: () => { unfolded = !unfolded; paint(); }, find: search, theme: otherTheme, lang: otherLanguage })) byId(id).addEventListener("click", act);
  const ranges = Object.keys(RANGES).map((range) => {
    const button = make("button", { type: "button", role: "radio", text: range });
    button.addEventListener("click", () => setView({ range }));
    return button;
  });
  byId("range").append(...ranges);
  byId("range").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = ranges[(ranges.findIndex((each) => each.textContent === view.range) + step + ranges.length) % ranges.length];
    setView({ range: next.textContent });
    next.focus();
  });
  const settings = async () => (await import("./settings.js")).mountSettings(byId("settings-form"), store);
  byId("settings").addEventListener("toggle", settings, { once: true });

  store.subscribe(["now", "link", "tick", "look", "meta"], paint);
  store.subscribe(["view", "look", "pause", "meta"], () => {
    for (const button of ranges) {
      const on = button.textContent === view.range;
      mark(button, "aria-checked", String(on));
      mark(button, "tabindex", on ? "0" : "-1");
    }
    put(byId("lang"), view.lang === "ko" ? "EN" : "한");
    byId("ribbon").hidden = !store.meta?.simulated;
    root.toggleAttribute("data-simulated", Boolean(store.meta?.simulated));
  });
}

const newest = (incidents) => incidents.reduce((found, each) => (!each.open && each.to != null && (!found || each.to > found.to) ? each : found), null);
