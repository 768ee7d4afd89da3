// The list of instruments: trouble first, thousands of rows of which only those in sight exist, and a search in words.
import { axis } from "./axis.js";
import { head, make, mark, put, root, tool } from "./dom.js";
import { count, ms, rate } from "./format.js";
import { t } from "./i18n.js";
import { openChosen } from "./layout.js";
import { SORTS, sorted } from "./order.js";
import { sparkOf, sparkPath } from "./spark.js";
import { healthOf, stateOf } from "./states.js";
import { setView, view } from "./view.js";
import { channelText, kindText, venueText, venueShort } from "./words.js";

const SPARE = 4;
const SETTLE_MS = 1000; // how often the order is looked at again
const TROUBLED = /(^| )state:trouble( |$)/;
const SPARK_PX = 400; // so wide a list has sparklines
const CALM_MS = 2500; // rows do not move under a pointer that does

export function mountStreams(slot, store) {
  const filter = make("input", { id: "filter", type: "search", autocomplete: "off", spellcheck: "false", list: "filter-words", "data-hint": "filter-hint", "data-name": "filter" });
  const words = make("datalist", { id: "filter-words" });
  const sort = make("select", { id: "sort", "data-name": "sort" }, ...SORTS.map((key) => make("option", { value: key, "data-t": `sort-${key || "trouble"}` })));
  const only = tool("only-bad", "!", { id: "only-bad", "aria-pressed": "false" });
  const total = make("small", { id: "stream-count" });
  const list = make("div", { id: "list", role: "listbox", tabindex: "0", "aria-labelledby": "h-streams" });
  const room = make("div", { id: "list-room" });
  const empty = make("p", { id: "list-empty", role: "status", hidden: "" });
  slot.append(
    head("streams", [make("span", { "data-t": "instruments" }), " ", total], make("span", { class: "push" }), sort),
    make("div", { id: "search" }, filter, words, only), empty, list,
  );
  list.append(room);

  let search = null, rates = null, order = [], rows = [], lookedAt = 0, stirred = -1e9, height = 0, top = 0;
  const ranks = new Map(); // instrument → how busy it is, in steps: the order does not tremble

  const rowHeight = () => (root.dataset.mode === "tabs" || root.hasAttribute("data-few") ? 44 : 32);

  const arrange = (fresh) => {
    lookedAt = performance.now();
    if (!store.meta) { order = []; return; }
    if (view.filter && !search) seek();
    order = sorted(search ? store.instruments.filter(search.matcher(view.filter, store)) : store.instruments, view.sort, store, ranks, fresh);
    const all = store.instruments.length;
    put(total, order.length === all ? t("of-streams", { count: count(all), streams: count(store.meta.streams.length) }) : `${count(order.length)} / ${count(all)}`);
    mark(total, "title", total.textContent);
    empty.hidden = order.length > 0;
    if (!order.length) put(empty, t(all ? "no-match" : "no-instrument", { filter: view.filter }));
    list.hidden = !order.length;
    mark(only, "aria-pressed", String(TROUBLED.test(view.filter)));
  };

  // How words are understood is loaded when the first is looked for.
  const seek = () => import("./filter.js").then((found) => {
    search = found;
    store.touch("view");
  }, console.error);

  const add = () => {
    const [badge, chips, rate, lat, word] = ["badge", "chips", "rate", "lat", "quiet"].map((name) => make("span", { class: name })), sym = make("b", { class: "sym cut" });
    const st = make("span", { class: "st", "aria-hidden": "true" }), { picture, path } = sparkOf(48, 16, { class: "row-spark", width: 48, height: 16 });
    const row = make("div", { role: "option", class: "row" }, st, make("span", { class: "name" }, sym, badge), word, chips, picture, rate, lat);
    const entry = { row, st, sym, badge, chips, rate, lat, word, path, each: null, chipNodes: [] };
    row.addEventListener("click", () => { choose(entry.each); openChosen(); });
    room.append(row);
    return entry;
  };

  const fill = (entry, each, index, size) => {
    const { rows: columns, meta } = store;
    const { st, perSecond, median } = healthOf(each, store);
    const state = stateOf(st);
    put(entry.st, state.glyph);
    mark(entry.st, "data-level", state.level);
    put(entry.sym, each.symbol);
    put(entry.badge, size === 44 ? venueText(each.venue, store) : venueShort(each.venue, store));
    put(entry.rate, st && !perSecond ? "–" : rate(perSecond));
    const fresh = entry.each !== each;
    if (rates && (fresh || entry.turn !== rates.turn)) { entry.turn = rates.turn; mark(entry.path, "d", sparkPath(rates.of(each.streams), 48, 16)); }
    put(entry.lat, st ? state.word : median == null ? "" : ms(median));
    mark(entry.lat, "data-level", st ? state.level : null);
    if (fresh) {
      entry.each = each;
      mark(entry.sym, "title", each.symbol);
      mark(entry.badge, "title", venueText(each.venue, store));
      entry.chips.replaceChildren();
      entry.chipNodes = each.streams.map((at) => { const chip = make("span", { class: "chip", text: channelText(meta.streams[at]), title: `${kindText(meta.streams[at][4])} · ${meta.streams[at][0]}` }); entry.chips.append(chip, " "); return chip; });
    }
    entry.chipNodes.forEach((chip, at) => mark(chip, "data-level", stateOf(columns.st[each.streams[at]]).level));
    put(entry.word, state.word);
    const on = each === store.chosenInstrument();
    mark(entry.row, "aria-selected", String(on));
    mark(entry.row, "aria-posinset", String(index + 1));
    mark(entry.row, "aria-setsize", String(order.length));
    mark(entry.row, "id", `row-${index}`);
    entry.row.style.transform = `translateY(${index * size}px)`;
  };

  const paint = (changed) => {
    if (!store.meta || (axis.paused && !["view", "size", "choice", "scroll", "look"].some((key) => changed.has(key)))) return;
    const now = performance.now();
    const asked = changed.has("meta") || changed.has("view") || changed.has("look");
    if (asked || (now - lookedAt > SETTLE_MS && now - stirred > CALM_MS)) arrange(asked);
    const { mode, tab } = root.dataset; // to ask for its size would lay out the page
    if (mode === "tabs" && tab !== "streams") return;
    const size = rowHeight();
    if (asked || changed.has("size") || !height) {
      height = list.clientHeight;
      top = list.scrollTop;
      if (rates === null && list.clientWidth >= SPARK_PX) { rates = false; import("./rates.js").then((found) => { rates = new found.Rates(store); }, () => { rates = null; }); }
    }
    mark(list, "data-lines", size === 44 ? "two" : "one");
    const space = `${order.length * size}px`;
    if (room.style.height !== space) room.style.height = space;
    const first = Math.max(0, Math.min(Math.floor(top / size) - SPARE, order.length - 1));
    const last = Math.min(order.length, first + Math.ceil((height || 400) / size) + 2 * SPARE);
    while (rows.length < last - first) rows.push(add());
    while (rows.length > Math.max(0, last - first)) rows.pop().row.remove();
    for (let index = first; index < last; index += 1) fill(rows[index % rows.length] ?? rows[index - first], order[index], index, size);
    const here = order.indexOf(store.chosenInstrument());
    mark(list, "aria-activedescendant", here >= first && here < last ? `row-${here}` : null);
  };

  const choose = (each) => { if (each) { setView({ stream: each.key }); store.choose(each.key); } };

  store.step = (step) => { // the next or the one before, as they stand in the list
    if (!order.length) return;
    const here = order.indexOf(store.chosenInstrument());
    const next = Math.max(0, Math.min(order.length - 1, here + step));
    show(next);
    choose(order[next]);
  };

  const show = (index) => {
    const size = rowHeight();
    if (index * size < list.scrollTop) list.scrollTop = index * size;
    else if ((index + 1) * size > list.scrollTop + list.clientHeight) list.scrollTop = (index + 1) * size - list.clientHeight;
  };

  const stir = () => { stirred = performance.now(); };
  list.addEventListener("pointermove", stir, { passive: true });
  list.addEventListener("scroll", () => { top = list.scrollTop; stir(); store.touch("scroll"); }, { passive: true });
  list.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(list.clientHeight / rowHeight()) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[event.key];
    if (step) { event.preventDefault(); event.stopPropagation(); stir(); store.step(step); } else if (event.key === "Enter") openChosen();
  });
  new ResizeObserver(() => store.touch("size")).observe(list);
  filter.addEventListener("focus", () => { if (!search) seek(); });
  filter.addEventListener("input", () => setView({ filter: filter.value }));
  filter.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && !filter.value.endsWith(":")) { event.preventDefault(); list.focus(); } else if (event.key === "Enter" && order.length) { choose(order[0]); openChosen(); }
  });
  sort.addEventListener("change", () => setView({ sort: sort.value }));
  only.addEventListener("click", () => setView({ filter: TROUBLED.test(view.filter) ? view.filter.replace(TROUBLED, " ").trim() : `state:trouble ${view.filter}`.trim() }));
  store.subscribe(["view", "meta", "look"], () => {
    if (filter.value !== view.filter) filter.value = view.filter;
    if (sort.value !== view.sort) sort.value = view.sort;
    if (search) words.replaceChildren(...search.wordsOf(store).map((value) => make("option", { value })));
    rows.forEach((entry) => { entry.each = null; });
  });
  store.subscribe(["rows", "meta", "view", "look", "choice", "size", "scroll"], paint);
}
