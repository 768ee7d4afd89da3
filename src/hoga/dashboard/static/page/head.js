// The head of the chosen instrument: its name, its streams and how they are, its day; the next one by arrow.
import { axis } from "./axis.js";
import { oldText } from "./chosen.js";
import { byId, head, List, make, mark, put, root, tool } from "./dom.js";
import { count, ms, rate, share, span } from "./format.js";
import { t } from "./i18n.js";
import { closeSheet } from "./layout.js";
import { codeOf, healthOf, isAsked, stateOf } from "./states.js";
import { channelText, kindText, lostText, venueText } from "./words.js";

const GONE = new Set(["disconnected", "silent", "down", "unknown"]);

export function mountChosen(store) {
  const top = byId("chosen-head");
  const name = make("span", { id: "chosen-name", class: "cut" }), venue = make("span", { class: "badge" }), age = make("span", { id: "book-age" }), said = make("span", { class: "quiet", role: "status" });
  const chips = make("ul", { id: "chosen-kinds" });
  const facts = make("p", { id: "chosen-facts", class: "cut" });
  const before = tool("before", "◀"), next = tool("next", "▶"), close = tool("close", "✕", { id: "sheet-close" });
  top.append(head("chosen", name, venue, age, said, make("span", { class: "push" }), before, next, close), chips, facts);
  before.addEventListener("click", () => store.step(-1));
  next.addEventListener("click", () => store.step(1));
  close.addEventListener("click", closeSheet);
  const chip = new List(chips, () => {
    const name = make("span", { class: "chip-name" }), state = make("span", { class: "chip-state" });
    return { item: make("li", {}, name, " ", state), name, state };
  }, (node, { title, name, text, level }) => { mark(node.item, "title", title); put(node.name, name); put(node.state, text); mark(node.item, "data-level", level); });

  const paint = () => {
    const each = store.chosenInstrument();
    if (!each) { put(name, t(store.meta ? "no-instrument-short" : "not-told-yet")); return; }
    const streams = each.streams.map((at) => store.meta.streams[at]);
    put(name, each.symbol);
    mark(name, "title", each.symbol);
    put(venue, venueText(each.venue, store));
    chip.show(each.streams.map((at, place) => {
      const row = streams[place], state = stateOf(store.rows.st[at]), good = state.code === "ok", kind = kindText(row[4]);
      return {
        title: row[0], name: streams.filter((other) => other[4] === row[4]).length > 1 ? `${kind} ${channelText(row)}` : kind,
        text: !good ? `${state.glyph} ${state.word}` : isAsked(row) ? "" : `${rate(store.rows.rate[at])}/s`, level: good ? null : state.level,
      };
    }));
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
    const old = store.book ? oldText(store, store.clock() - store.book.t) : "", at = store.chosenStreams().find((each) => store.meta.books.includes(each));
    put(age, old);
    put(said, old ? `${t("ladder")}: ${t("link-stale")}` : "");
    root.toggleAttribute("data-old-book", Boolean(old) || (at != null && GONE.has(codeOf(store.rows.st[at]))));
  };

  store.subscribe(["choice", "rows", "strips", "look", "meta"], (changed) => { if (!axis.paused || changed.has("choice") || changed.has("look")) paint(); });
  store.subscribe(["tick", "book", "choice", "rows"], paintAge);
}
