// The lines of the log, from a level on, followed as they come.
import { axis } from "./axis.js";
import { fetched, List, make, mark, put } from "./dom.js";
import { count } from "./format.js";
import { addWords, t, worded } from "./i18n.js";
import { parse, RANK } from "./log.js";
import { setView, view } from "./view.js";

const LEVELS = ["", "WARNING", "ERROR"];

export async function mount(slot, body, store) {
  await Promise.all([addWords("log"), fetched("/static/sheets.css")]);
  const level = make("select", { id: "log-level", "data-name": "log-level" }, ...LEVELS.map((value) => make("option", { value, "data-t": `log-${value || "all"}` })));
  const follow = make("input", { id: "log-follow", type: "checkbox" });
  follow.checked = true;
  const copy = make("button", { type: "button", class: "tool", id: "log-copy", "data-t": "copy" });
  const tools = make("span", { class: "tools" }, level, make("label", {}, follow, make("span", { "data-t": "follow" })), copy);
  const list = make("ol", { id: "log-list", tabindex: "0", "aria-labelledby": "h-log" }), empty = make("p", { class: "empty" });
  slot.firstElementChild.append(tools);
  body.append(empty, list);
  worded(slot);
  const lines = new List(list, () => {
    const [time, name, text] = [make("time"), make("span", { class: "level" }), make("span", { class: "text" })];
    return { item: make("li", {}, time, name, text), time, name, text };
  }, (node, { line, raw }) => {
    put(node.time, line.time);
    put(node.name, line.name);
    put(node.text, line.text);
    mark(node.item, "data-level", line.level);
    mark(node.item, "title", raw);
  }, (each) => each.number);

  store.subscribe(["log", "view", "look", "size", "meta", "pause"], () => {
    if (level.value !== view.level) level.value = view.level;
    tools.hidden = body.hidden;
    if (body.hidden || axis.paused) return;
    const all = store.log.lines.map((raw, at) => ({ number: store.log.first + at, line: parse(raw), raw }));
    const shown = all.filter(({ line }) => (RANK[line.name] ?? 0) >= (RANK[view.level] ?? 0));
    const keep = follow.checked ? null : list.scrollTop;
    lines.show(shown);
    empty.hidden = shown.length > 0;
    list.hidden = !shown.length;
    put(empty, all.length ? t("no-log-of-level", { count: count(all.length) }) : t("no-log"));
    list.scrollTop = keep ?? list.scrollHeight;
  });
  level.addEventListener("change", () => setView({ level: level.value }));
  follow.addEventListener("change", () => store.touch("log"));
  list.addEventListener("wheel", () => { if (list.scrollTop + list.clientHeight < list.scrollHeight - 30) follow.checked = false; }, { passive: true });
  copy.addEventListener("click", async () => {
    const text = [...list.children].map((node) => node.title).join("\n");
    try { await navigator.clipboard.writeText(text); put(copy, t("copied")); } catch { getSelection().selectAllChildren(list); put(copy, t("copy-by-hand")); }
    setTimeout(() => put(copy, t("copy")), 2000);
  });
}
