// What happened: a line a cause, those that go on first; a click shows that moment in every curve.
import { axis } from "./axis.js";
import { head, List, make, mark, put } from "./dom.js";
import { clock, count, moment, span } from "./format.js";
import { t } from "./i18n.js";
import { leadTo } from "./layout.js";
import { isLocal } from "./view.js";
import { happenedText, lostText, streamsText } from "./words.js";

const SHOWN = 100;

export function mount(slot, store) {
  const sum = make("small"), empty = make("p", { id: "no-incident", class: "empty" }), list = make("ol", { id: "incident-list", tabindex: "-1" });
  slot.append(head("incidents", [make("span", { "data-t": "happened" }), " ", sum]), empty, list);
  const timeOf = (millis, fine) => moment(millis, store.clock(), isLocal(), fine ?? timeOf(millis, true).length < 9); // of another day: without seconds

  const add = () => {
    const parts = { glyph: make("span", { class: "glyph", "aria-hidden": "true" }), when: make("span", { class: "when" }), what: make("b", { class: "cut" }), lasted: make("span", { class: "lasted" }), effect: make("span", { class: "effect cut" }) };
    const button = make("button", { type: "button", class: "incident" }, ...Object.values(parts)), node = { item: make("li", {}, button), ...parts };
    button.addEventListener("click", () => {
      const { from, to, open } = node.each;
      axis.zoomTo(from, open ? store.clock() : to);
      leadTo("charts");
    });
    return node;
  };

  const fill = (node, each) => {
    const { open, from } = each, to = open ? store.clock() : each.to, what = happenedText(each, store);
    put(node.glyph, open ? "✕" : each.went_on ? "?" : "✓");
    put(node.when, open ? t("since-at", { time: timeOf(from) }) : Math.floor(from / 1000) === Math.floor(to / 1000) ? timeOf(from) : `${timeOf(from)} – ${clock(to, isLocal())}`);
    put(node.what, what);
    mark(node.what, "title", what);
    put(node.lasted, span(open ? Math.max(1, Math.round((to - from) / 1000)) : (to - from) / 1000));
    const effect = [each.went_on && t("went-on"), each.streams === 1 && each.names?.length === 1 ? each.names[0] : each.streams ? streamsText(each.streams) : "", each.missed == null && each.uncounted == null ? "" : lostText(each.missed, each.uncounted)].filter(Boolean).join(" · ");
    put(node.effect, effect);
    mark(node.effect, "title", [effect, ...(each.names ?? [])].join("\n") || null);
    mark(node.item, "data-open", open ? "" : null);
  };
  const lines = new List(list, add, fill, (each) => each.number);

  store.subscribe(["incidents", "look", "meta"], () => {
    const all = store.incidents, open = all.filter((each) => each.open);
    lines.show([...all].sort((a, b) => Number(b.open) - Number(a.open) || b.from - a.from).slice(0, SHOWN));
    put(sum, !all.length ? "" : open.length ? t("incidents-open", { open: count(open.length), count: count(all.length) }) : t("incidents-day", { count: count(all.length) }));
    mark(sum, "data-level", open.length ? "bad" : null);
    empty.hidden = all.length > 0;
    list.hidden = !all.length;
    put(empty, t(store.totals?.incidents_today == null ? "not-told-yet" : "no-incidents"));
  });
  store.subscribe(["tick"], () => { for (const node of lines.nodes.values()) if (node.each.open) fill(node, node.each); });
}
