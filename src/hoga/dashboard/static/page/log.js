// The recorder's log: a drawer that shows its newest line while it is shut; open, by level, and following.
import { make, mark, put } from "./dom.js";
import { count, stamp } from "./format.js";
import { t } from "./i18n.js";
import { isLocal, setView, view } from "./view.js";

const LEVELS = ["", "WARNING", "ERROR"];
const LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z?) +(DEBUG|INFO|WARNING|ERROR|CRITICAL) +(.*)$/s;
const RANK = { DEBUG: 0, INFO: 0, WARNING: 1, ERROR: 2, CRITICAL: 2 };

export function mountLog(slot, store) {
  const toggle = make("button", { id: "log-toggle", type: "button", "aria-controls": "log-body", "aria-expanded": "false" }, make("span", { class: "arrow", "aria-hidden": "true", text: "▸" }), make("span", { "data-t": "log", text: t("log") }));
  const newest = make("span", { id: "log-newest", class: "cut" });
  const level = make("select", { id: "log-level", "data-name": "log-level", "aria-label": t("n-log-level") }, ...LEVELS.map((value) => make("option", { value, "data-t": `log-${value || "all"}`, text: t(`log-${value || "all"}`) })));
  const follow = make("input", { id: "log-follow", type: "checkbox" });
  follow.checked = true;
  const copy = make("button", { type: "button", class: "tool", id: "log-copy", "data-t": "copy", text: t("copy") });
  const tools = make("span", { class: "tools" }, level, make("label", {}, follow, make("span", { "data-t": "follow", text: t("follow") })), copy);
  const list = make("ol", { id: "log-list", tabindex: "0", "aria-labelledby": "h-log" });
  const empty = make("p", { class: "empty" });
  slot.append(make("div", { class: "head" }, make("h2", { id: "h-log" }, toggle), newest, tools), make("div", { id: "log-body" }, empty, list));
  const nodes = new Map(); // by number

  const isOpen = () => view.log === "1" || document.documentElement.dataset.mode === "tabs";
  const paint = () => {
    const open = isOpen();
    mark(toggle, "aria-expanded", String(open));
    document.getElementById("log-body").hidden = !open;
    tools.hidden = !open;
    mark(slot, "data-open", open ? "" : null);
    const { first, lines } = store.log;
    const last = parse(lines[lines.length - 1] ?? "");
    put(newest, open ? "" : last.text ? `${last.time} ${last.text}` : t("no-log"));
    mark(newest, "data-level", open || !last.text ? null : last.level);
    if (!open || document.documentElement.hasAttribute("data-paused")) return;
    const least = RANK[view.level] ?? 0;
    const shown = [];
    lines.forEach((raw, at) => { const line = parse(raw); if ((RANK[line.name] ?? 0) >= least) shown.push([first + at, line, raw]); });
    const here = new Set(shown.map(([number]) => number));
    for (const [number, node] of nodes) if (!here.has(number)) { node.remove(); nodes.delete(number); }
    const keep = follow.checked ? null : list.scrollTop;
    shown.forEach(([number, line, raw], at) => {
      let node = nodes.get(number);
      if (!node) nodes.set(number, (node = make("li", {}, make("time"), make("span", { class: "level" }), make("span", { class: "text" }))));
      if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
      put(node.children[0], line.time);
      put(node.children[1], line.name);
      put(node.children[2], line.text);
      mark(node, "data-level", line.level);
      mark(node, "title", raw);
    });
    empty.hidden = shown.length > 0;
    list.hidden = !shown.length;
    put(empty, lines.length ? t("no-log-of-level", { count: count(lines.length) }) : t("no-log"));
    list.scrollTop = keep ?? list.scrollHeight;
  };
  toggle.addEventListener("click", () => setView({ log: view.log ? "" : "1" }));
  level.addEventListener("change", () => setView({ level: level.value }));
  follow.addEventListener("change", () => store.touch("log"));
  list.addEventListener("wheel", () => { if (list.scrollTop + list.clientHeight < list.scrollHeight - 30) follow.checked = false; }, { passive: true });
  copy.addEventListener("click", async () => {
    const text = [...list.children].map((node) => node.title).join("\n");
    try { await navigator.clipboard.writeText(text); put(copy, t("copied")); } catch { getSelection().selectAllChildren(list); put(copy, t("copy-by-hand")); }
    setTimeout(() => put(copy, t("copy")), 2000);
  });
  store.subscribe(["log", "view", "look", "size", "meta"], () => { if (level.value !== view.level) level.value = view.level; paint(); });
}

function parse(raw) {
  const found = LINE.exec(raw);
  if (!found) return { time: "", name: "", text: raw, level: null };
  const millis = Date.parse(found[1].endsWith("Z") ? found[1] : `${found[1]}Z`);
  return { time: Number.isNaN(millis) ? found[1] : stamp(millis, isLocal()).slice(11, 19), name: found[2], text: found[3], level: RANK[found[2]] === 2 ? "bad" : RANK[found[2]] === 1 ? "warn" : null };
}
