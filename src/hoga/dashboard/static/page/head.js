// The head of the chosen instrument: its name, its streams and how they are, its day; the next one by arrow or swipe.
import { make, mark, put } from "./dom.js";
import { count, ms, rate, share, span } from "./format.js";
import { t } from "./i18n.js";
import { closeSheet } from "./layout.js";
import { healthOf, isAsked, stateOf } from "./states.js";
import { channelText, kindText, lostText, venueText } from "./words.js";

const SWIPE = 60; // px

export function mountChosen(slot, store) {
  const head = document.getElementById("chosen-head");
  const name = make("span", { id: "chosen-name", class: "cut" }), venue = make("span", { class: "badge" }), age = make("span", { id: "book-age", role: "status" });
  const chips = make("ul", { id: "chosen-kinds" });
  const facts = make("p", { id: "chosen-facts", class: "cut" });
  const tool = (id, tip, glyph) => make("button", { id, type: "button", class: "tool", "data-tip": tip, title: t(`tip-${tip}`), "aria-label": t(`tip-${tip}`) }, make("span", { "aria-hidden": "true", text: glyph }));
  const before = tool("before", "before", "◀"), next = tool("next", "next", "▶"), close = tool("sheet-close", "close", "✕");
  head.append(make("div", { class: "head" }, make("h2", { id: "h-chosen" }, name), venue, age, make("span", { class: "push" }), before, next, close), chips, facts);
  before.addEventListener("click", () => store.step(-1));
  next.addEventListener("click", () => store.step(1));
  close.addEventListener("click", closeSheet);
  let nodes = [], of = "";

  const paint = () => {
    const each = store.chosenInstrument();
    if (!each) { put(name, t(store.meta ? "no-instrument-short" : "not-told-yet")); return; }
    const streams = each.streams.map((at) => store.meta.streams[at]);
    put(name, each.symbol);
    mark(name, "title", each.symbol);
    put(venue, venueText(each.venue, store));
    if (of !== each.key + each.streams.length + document.documentElement.lang) {
      of = each.key + each.streams.length + document.documentElement.lang;
      chips.replaceChildren();
      nodes = each.streams.map((at, place) => { const parts = { node: make("li", { title: streams[place][0] }), name: make("span", { class: "chip-name" }), state: make("span", { class: "chip-state" }) }; parts.node.append(parts.name, " ", parts.state); chips.append(parts.node); return parts; });
    }
    each.streams.forEach((at, place) => {
      const state = stateOf(store.rows.st[at]);
      put(nodes[place].name, streams.filter((row) => row[4] === streams[place][4]).length > 1 ? `${kindText(streams[place][4])} ${channelText(streams[place])}` : kindText(streams[place][4]));
      put(nodes[place].state, state.code === "ok" ? isAsked(streams[place]) ? "" : `${rate(store.rows.rate[at])}/s` : `${state.glyph} ${state.word}`);
      mark(nodes[place].node, "data-level", state.code === "ok" ? null : state.level);
    });
    const { st, median, p99 } = healthOf(each, store);
    const sum = (column) => each.streams.reduce((total, at) => total + (store.rows[column][at] ?? 0), 0);
    const day = store.days[each.place];
    const written = sum("rec"), waiting = sum("q"), flush = Math.max(...each.streams.map((at) => store.rows.flush[at] ?? 0));
    put(facts, [
      median == null || st ? "" : t("fact-latency", { median: ms(median), p99: ms(p99) }), written ? t("fact-records", { count: count(written) }) : "", flush ? t("fact-flush", { span: span(flush / 1000) }) : "",
      waiting ? t("fact-queue", { count: count(waiting) }) : "", day?.[0] == null ? "" : t("fact-day", { share: share(day[0]) }), day && (day[1] || day[2]) ? lostText(day[1], day[2]) : "",
    ].filter(Boolean).join(" · "));
    mark(facts, "title", facts.textContent);
  };

  const paintAge = () => {
    const old = store.book ? (store.clock() - store.book.t) / 1000 : 0;
    const limit = store.meta?.limits?.book_old_s ?? 10;
    put(age, old > limit ? t("age", { span: span(Math.round(old)) }) : "");
    document.documentElement.toggleAttribute("data-old-book", old > limit);
  };

  store.subscribe(["choice", "rows", "strips", "look", "meta"], (changed) => { if (!document.documentElement.hasAttribute("data-paused") || changed.has("choice") || changed.has("look")) paint(); });
  store.subscribe(["tick", "book", "choice"], paintAge);

  let touched = null;
  slot.addEventListener("touchstart", (event) => { touched = event.touches.length === 1 ? [event.touches[0].clientX, event.touches[0].clientY] : null; }, { passive: true });
  slot.addEventListener("touchend", (event) => {
    if (!touched || document.documentElement.dataset.mode !== "tabs") return;
    const [x, y] = touched, end = event.changedTouches[0];
    if (Math.abs(end.clientX - x) > SWIPE && Math.abs(end.clientY - y) < SWIPE) store.step(end.clientX < x ? 1 : -1);
  }, { passive: true });
}
