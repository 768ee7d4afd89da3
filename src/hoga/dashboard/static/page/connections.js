// The connections: what is down first, since when, why, and when the next attempt is.
import { head, List, make, mark, put } from "./dom.js";
import { clock, count, rate, span } from "./format.js";
import { known, t } from "./i18n.js";
import { isLocal } from "./view.js";
import { levelOf, plainWord, streamsText, venueText } from "./words.js";

const RANK = { bad: 0, warn: 1, idle: 1, good: 2 };

export function mount(slot, store) {
  const sum = make("small"), list = make("ul", { id: "connection-list" }), empty = make("p", { class: "empty" });
  slot.append(head("connections", [make("span", { "data-t": "connections" }), " ", sum]), empty, list);

  const add = () => {
    const state = make("span", { class: "glyph" }), name = make("b", { class: "cut" }), venue = make("span", { class: "badge cut" }), pace = make("span", { class: "rate" }), line = make("span", { class: "line" });
    return { item: make("li", { class: "connection" }, state, make("span", { class: "name" }, name, venue), pace, line), state, name, venue, pace, line };
  };
  const fill = (node, each) => {
    const level = levelOf(each.state), text = t(each.state ? `cs-${each.state}` : "s-unknown"), good = level === "good";
    put(node.state, text.slice(0, 1));
    mark(node.state, "data-level", level);
    put(node.name, each.name);
    mark(node.name, "title", each.url ? `${each.name}: ${each.url}` : each.name);
    put(node.venue, venueText(each.venue, store));
    mark(node.venue, "title", node.venue.textContent);
    put(node.pace, good ? `${rate(each.rate)}/s` : text.slice(2));
    mark(node.pace, "data-level", good ? null : level);
    put(node.line, (good ? goodLine(each) : downLine(each, store)).filter(Boolean).join(" · "));
  };
  const lines = new List(list, add, fill, (each) => each.name);

  store.subscribe(["slow", "look", "meta"], () => {
    const rows = [...(store.slow?.connections ?? [])].sort((a, b) => RANK[levelOf(a.state)] - RANK[levelOf(b.state)] || (a.name < b.name ? -1 : 1));
    lines.show(rows);
    put(sum, rows.some((each) => each.state) ? t("up-of", { up: count(rows.filter((each) => levelOf(each.state) === "good").length), all: count(rows.length) }) : "");
    empty.hidden = rows.length > 0;
    put(empty, t(store.news ? "no-connection" : "not-told-yet"));
  });
  store.subscribe(["tick"], () => { for (const node of lines.nodes.values()) if (levelOf(node.each.state) !== "good") fill(node, node.each); });
}

const goodLine = (each) => [
  t("c-up", { span: span(each.uptime_s) }), streamsText(each.streams),
  each.reconnects ? t("c-reconnects", { count: count(each.reconnects), per: each.per_hour ? t("c-per-hour", { count: count(each.per_hour) }) : "" }) : t("c-never-cut"),
  each.score < 100 && t("c-health", { percent: each.score }), each.epoch > 1 && t("c-epoch", { epoch: each.epoch }),
];

function downLine({ since, retry_at: next, attempt, state, streams, why, last_close: closed }, store) {
  const word = why || closed;
  return [
    since && t("c-down", { time: clock(since, isLocal()), span: span(Math.max(0, Math.round((store.clock() - since) / 1000))) }),
    next ? t("c-again", { seconds: Math.max(0, Math.ceil((next - store.clock()) / 1000)), attempt }) : state === "connecting" && t("c-trying", { attempt }),
    word && (known(`cs-${word}`) ? plainWord(t(`cs-${word}`)) : word), streamsText(streams),
  ];
}
