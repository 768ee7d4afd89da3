// Several collectors that feed one archive, side by side: how each of them is, and what it has brought. Loaded when there are such.
import { fetched, head, make, put, Rows } from "./dom.js";
import { count, span } from "./format.js";
import { addWords, known, t, worded } from "./i18n.js";

const COLUMNS = ["name", "state", "received", "won", "gaps", "seen"];

export async function mount(slot, store) {
  await Promise.all([addWords("collectors"), fetched("/static/sheets.css")]);
  const heads = make("tr", {}, ...COLUMNS.map((key, at) => make("th", { scope: "col", class: at > 1 ? "n" : "", "data-t": `co-${key}` })));
  const body = make("tbody"), trouble = make("p", { class: "empty", "data-level": "warn", hidden: "" });
  slot.append(head("collectors", make("span", { "data-t": "collectors" })), trouble, make("div", { class: "wide-table", tabindex: "0", role: "group", "aria-labelledby": "h-collectors" }, make("table", {}, make("thead", {}, heads), body)));
  worded(slot);
  const rows = new Rows(body, ["", "", "n", "n", "n", "n"]);
  store.subscribe(["slow", "look"], () => {
    const all = store.slow?.collectors;
    slot.hidden = !all?.length;
    const why = store.slow?.gather_trouble;
    trouble.hidden = !why;
    put(trouble, why ? t("co-trouble", { why }) : "");
    rows.fill(all ?? [], ({ name, state, received, won, gaps, seen }) => [
      name, { text: state == null ? t("s-unknown") : known(`state-${state}`) ? t(`state-${state}`) : state, level: { null: "idle", recording: "good", degraded: "warn" }[state] ?? "bad" },
      count(received), count(won), count(gaps), seen == null ? t("co-never") : t("co-ago", { span: span(Math.max(0, Math.round((store.clock() - seen) / 1000))) }),
    ]);
  });
}
