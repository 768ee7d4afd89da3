// The recorder's log: a drawer that shows its newest line while it is shut, and loads the others when it is opened.
import { byId, head, make, mark, put, root } from "./dom.js";
import { stamp } from "./format.js";
import { t } from "./i18n.js";
import { isLocal, setView, view } from "./view.js";

const LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z?) +(DEBUG|INFO|WARNING|ERROR|CRITICAL) +(.*)$/s;
export const RANK = { DEBUG: 0, INFO: 0, WARNING: 1, ERROR: 2, CRITICAL: 2 };

export function mountLog(slot, store) {
  const toggle = make("button", { id: "log-toggle", type: "button", "aria-controls": "log-body", "aria-expanded": "false" }, make("span", { class: "arrow", "aria-hidden": "true", text: "▸" }), make("span", { "data-t": "log" }));
  const newest = make("span", { id: "log-newest", class: "cut" }), body = make("div", { id: "log-body" });
  slot.append(head("log", toggle, newest), body);
  let asked = false;

  store.subscribe(["log", "view", "look", "size", "meta"], () => {
    const open = view.log === "1" || root.dataset.mode === "tabs", last = parse(store.log.lines.at(-1) ?? "");
    mark(toggle, "aria-expanded", String(open));
    body.hidden = !open;
    mark(slot, "data-open", open ? "" : null);
    put(newest, open ? "" : last.text ? `${last.time} ${last.text}` : t("no-log"));
    mark(newest, "title", newest.textContent || null);
    mark(newest, "data-level", open || !last.text ? null : last.level);
    if (!asked && open && slot.offsetParent) {
      asked = true;
      import("./log-lines.js").then((lines) => lines.mount(slot, body, store)).catch(() => { asked = false; });
    }
  });
  toggle.addEventListener("click", () => setView({ log: view.log ? "" : "1" }));
}

export function parse(raw) {
  const found = LINE.exec(raw);
  if (!found) return { time: "", name: "", text: raw, level: null };
  const [, when, name, text] = found, millis = Date.parse(when.endsWith("Z") ? when : `${when}Z`);
  return { time: Number.isNaN(millis) ? when : stamp(millis, isLocal()).slice(11, 19), name, text, level: [null, "warn", "bad"][RANK[name]] };
}
