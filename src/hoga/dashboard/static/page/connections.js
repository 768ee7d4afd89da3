// The connections: what is down first, since when, why, and when the next attempt is.
import { make, mark, put } from "./dom.js";
import { clock, count, percent, rate, span } from "./format.js";
import { known, t } from "./i18n.js";
import { isLocal } from "./view.js";
import { alertText, plainWord, venueText } from "./words.js";

const levelOf = (state) => (state === "connected" || state === "handover" ? "good" : state === "connecting" || state === "disconnected" ? "warn" : "bad");
const RANK = { bad: 0, warn: 1, good: 2 };

export function mountConnections(slot, store) {
  const sum = make("small");
  const list = make("ul", { id: "connection-list" });
  const empty = make("p", { class: "empty" });
  slot.append(make("div", { class: "head" }, make("h2", { id: "h-connections" }, make("span", { "data-t": "connections", text: t("connections") }), " ", sum)), empty, list);
  const nodes = new Map();

  const add = () => {
    const parts = { state: make("span", { class: "glyph" }), name: make("b", { class: "cut" }), venue: make("span", { class: "badge cut" }), rate: make("span", { class: "rate" }), line: make("span", { class: "line" }) };
    return { item: make("li", { class: "connection" }, parts.state, make("span", { class: "name" }, parts.name, parts.venue), parts.rate, parts.line), ...parts };
  };

  const fill = (node, each) => {
    node.each = each;
    const level = levelOf(each.state);
    const text = t(`cs-${each.state}`);
    put(node.state, text.slice(0, 1));
    mark(node.state, "data-level", level);
    put(node.name, each.name);
    mark(node.name, "title", each.url ? `${each.name}: ${each.url}` : each.name);
    put(node.venue, venueText(each.venue, store));
    put(node.rate, level === "good" ? `${rate(each.rate)}/s` : text.slice(2));
    mark(node.rate, "data-level", level === "good" ? null : level);
    put(node.line, level === "good" ? goodLine(each) : downLine(each, store));
  };

  const paint = () => {
    const rows = [...(store.slow?.connections ?? [])].sort((a, b) => RANK[levelOf(a.state)] - RANK[levelOf(b.state)] || (a.name < b.name ? -1 : 1));
    const here = new Set(rows.map((each) => each.name));
    for (const [name, node] of nodes) if (!here.has(name)) { node.item.remove(); nodes.delete(name); }
    rows.forEach((each, at) => {
      let node = nodes.get(each.name);
      if (!node) nodes.set(each.name, (node = add()));
      if (list.children[at] !== node.item) list.insertBefore(node.item, list.children[at] ?? null);
      fill(node, each);
    });
    const up = rows.filter((each) => levelOf(each.state) === "good").length;
    put(sum, rows.length ? t("up-of", { up: count(up), all: count(rows.length) }) : "");
    empty.hidden = rows.length > 0;
    put(empty, t(store.news ? "no-connection" : "not-told-yet"));
  };
  store.subscribe(["slow", "look", "meta"], paint);
  store.subscribe(["tick"], () => { for (const node of nodes.values()) if (levelOf(node.each.state) !== "good") fill(node, node.each); });
  mountHub(document.getElementById("hub"), store);
}

function goodLine(each) {
  return [
    t("c-up", { span: span(each.uptime_s) }), t("n-streams", { count: count(each.streams) }),
    each.reconnects ? t("c-reconnects", { count: count(each.reconnects), per: each.per_hour ? t("c-per-hour", { count: count(each.per_hour) }) : "" }) : t("c-never-cut"),
    each.score < 100 ? t("c-health", { percent: each.score }) : "", each.epoch > 1 ? t("c-epoch", { epoch: each.epoch }) : "",
  ].filter(Boolean).join(" · ");
}

function downLine(each, store) {
  const since = each.since, next = each.retry_at;
  const why = each.why || each.last_close;
  return [
    since ? t("c-down", { time: clock(since, isLocal()), span: span(Math.max(0, Math.round((store.clock() - since) / 1000))) }) : "",
    next ? t("c-again", { seconds: Math.max(0, Math.ceil((next - store.clock()) / 1000)), attempt: each.attempt ?? each.failures + 1 }) : each.state === "connecting" ? t("c-trying", { attempt: each.attempt ?? each.failures + 1 }) : "",
    why ? (known(`cs-${why}`) ? plainWord(t(`cs-${why}`)) : why) : "", t("n-streams", { count: count(each.streams) }),
  ].filter(Boolean).join(" · ");
}

// The hub: who takes what from this run; and the alerts that the verdict does not speak of.
function mountHub(slot, store) {
  const line = make("p", { id: "hub-line" });
  const alerts = make("ul", { id: "alert-rows" });
  const list = make("ul", { id: "hub-rows" });
  slot.append(make("div", { class: "head" }, make("h2", { id: "h-hub", "data-t": "hub", text: t("hub") })), alerts, line, list);
  store.subscribe(["slow", "look"], () => {
    const it = store.slow?.hub;
    slot.hidden = !it;
    if (!it) return;
    rows(alerts, it.alerts, ([kind, subject, text, code, args]) => [["✕", "bad"], [`${known(`al-${kind}`) ? t(`al-${kind}`) : kind}: ${subject}`, "bad"], [alertText(text, code, args), null]]);
    const quiet = !it.components && !it.subscriptions;
    put(line, quiet ? t("hub-unused") : [t("hub-components", { count: count(it.components), subscriptions: count(it.subscriptions), values: count(it.values) }), it.delivered ? t("hub-delivered", { count: count(it.delivered) }) : "", it.latency_ms == null ? "" : t("hub-latency", { ms: `${it.latency_ms.toFixed(2)} / ${it.latency_p99_ms?.toFixed(2) ?? "–"}` }), it.dropped ? t("hub-dropped", { count: count(it.dropped) }) : "", it.callback_errors ? t("hub-raised", { count: count(it.callback_errors) }) : "", it.stale_frames ? t("hub-stale", { count: count(it.stale_frames) }) : ""].filter(Boolean).join(" · "));
    mark(line, "data-level", it.dropped || it.callback_errors ? "warn" : null);
    rows(list, it.connections, ([name, venue, kind, state, epoch, uptime, perSecond, subscriptions, requests, reconnects, errors, stale, health]) => [
      [t(`cs-${state}`).slice(0, 1), levelOf(state)], [name, null], [`${known(`hk-${kind}`) ? t(`hk-${kind}`) : kind}, ${plainWord(t(`cs-${state}`))}`, levelOf(state) === "good" ? null : levelOf(state)],
      [[uptime ? t("c-up", { span: span(uptime) }) : "", perSecond ? `${rate(perSecond)}/s` : "", subscriptions ? t("hub-subs", { count: count(subscriptions) }) : "", epoch > 1 ? t("c-epoch", { epoch }) : "", reconnects ? t("c-reconnects", { count: count(reconnects), per: "" }) : "", requests ? t("hub-requests", { count: count(requests) }) : "", errors ? t("hub-errors", { percent: percent(errors * 100) }) : "", stale ? t("hub-stale", { count: count(stale) }) : "", health < 1 ? t("c-health", { percent: Math.round(health * 100) }) : "", venueText(venue, store)].filter(Boolean).join(" · "), null],
    ]);
  });
}

function rows(list, items, texts) {
  while (list.children.length > items.length) list.lastChild.remove();
  items.forEach((item, at) => {
    const cells = texts(item);
    const row = list.children[at] ?? list.appendChild(make("li", {}, ...cells.map(() => make("span"))));
    cells.forEach(([text, level], column) => { put(row.children[column], text); mark(row.children[column], "data-level", level); });
  });
}
