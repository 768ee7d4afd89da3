// What happened: one line a cause, those that go on at the top with a running clock; a click shows that moment in every curve.
import { axis } from "./axis.js";
import { make, mark, put } from "./dom.js";
import { clock, count, span, stamp } from "./format.js";
import { t } from "./i18n.js";
import { leadTo } from "./layout.js";
import { isLocal } from "./view.js";
import { happenedText, lostText } from "./words.js";

const SHOWN = 100;

export function mountIncidents(slot, store) {
  const sum = make("small");
  const list = make("ol", { id: "incident-list", tabindex: "-1" });
  const empty = make("p", { id: "no-incident", class: "empty" });
  slot.append(make("div", { class: "head" }, make("h2", { id: "h-incidents" }, make("span", { "data-t": "happened", text: t("happened") }), " ", sum)), empty, list);
  const nodes = new Map(); // by number

  const add = (each) => {
    const parts = { glyph: make("span", { class: "glyph", "aria-hidden": "true" }), when: make("span", { class: "when" }), what: make("b", { class: "cut" }), lasted: make("span", { class: "lasted" }), effect: make("span", { class: "effect cut" }) };
    const button = make("button", { type: "button", class: "incident" }, parts.glyph, parts.when, parts.what, parts.lasted, parts.effect);
    const node = { item: make("li", {}, button), button, ...parts, each };
    button.addEventListener("click", () => {
      const { from, to, open } = node.each;
      axis.zoomTo(from, open ? store.clock() : to);
      leadTo("charts");
    });
    return node;
  };

  const fill = (node, each) => {
    node.each = each;
    const end = each.open ? store.clock() : each.to;
    put(node.glyph, each.open ? "✕" : "✓");
    put(node.when, each.open ? t("since-at", { time: timeOf(each.from, store) }) : sameSecond(each.from, each.to) ? timeOf(each.from, store) : `${timeOf(each.from, store)} – ${clock(each.to, isLocal())}`);
    const what = happenedText(each, store);
    put(node.what, what);
    mark(node.what, "title", what);
    put(node.lasted, span(each.open ? Math.max(1, Math.round((end - each.from) / 1000)) : (end - each.from) / 1000));
    const effect = [each.streams === 1 && each.names?.length === 1 ? each.names[0] : each.streams ? t("n-streams", { count: count(each.streams) }) : "", each.missed == null && each.uncounted == null ? "" : lostText(each.missed, each.uncounted)].filter(Boolean).join(" · ");
    put(node.effect, effect);
    mark(node.effect, "title", [effect, ...(each.names ?? [])].join("\n") || null);
    mark(node.item, "data-open", each.open ? "" : null);
  };

  const paint = () => {
    const all = store.incidents;
    const open = all.filter((each) => each.open);
    const shown = [...open, ...all.filter((each) => !each.open)].sort((a, b) => Number(Boolean(b.open)) - Number(Boolean(a.open)) || b.from - a.from).slice(0, SHOWN);
    const here = new Set(shown.map((each) => each.number));
    for (const [number, node] of nodes) if (!here.has(number)) { node.item.remove(); nodes.delete(number); }
    shown.forEach((each, at) => {
      let node = nodes.get(each.number);
      if (!node) nodes.set(each.number, (node = add(each)));
      if (list.children[at] !== node.item) list.insertBefore(node.item, list.children[at] ?? null);
      fill(node, each);
    });
    put(sum, !all.length ? "" : open.length ? t("incidents-open", { open: count(open.length), count: count(all.length) }) : t("incidents-day", { count: count(all.length) }));
    mark(sum, "data-level", open.length ? "bad" : null);
    empty.hidden = all.length > 0;
    list.hidden = !all.length;
    put(empty, store.news ? t("no-incidents") : t("not-told-yet"));
  };

  store.subscribe(["incidents", "look", "meta"], paint);
  store.subscribe(["tick"], () => { for (const node of nodes.values()) if (node.each.open) fill(node, node.each); });
}

const sameSecond = (from, to) => Math.floor(from / 1000) === Math.floor(to / 1000);
// What is of another day says so.
const timeOf = (millis, store) => (stamp(millis, isLocal()).slice(0, 10) === stamp(store.clock(), isLocal()).slice(0, 10) ? clock(millis, isLocal()) : stamp(millis, isLocal()).slice(5, 16));
