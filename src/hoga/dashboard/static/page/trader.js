// A trader's panel: where it stands, what it holds, what it may do; and its emergency exit in two steps, which the trader itself keeps.
import { byId, fetched, make, mark, put, Rows } from "./dom.js";
import { clock, count, percent, span, stamp } from "./format.js";
import { addWords, known, t, worded } from "./i18n.js";
import { isLocal } from "./view.js";

const LEVELS = { ACTIVE: "good", NO_OPEN: "warn", REDUCING: "warn", HALTED: "bad", FLATTEN: "bad" };
const GLYPHS = { good: "✓", warn: "▲", bad: "✕" };
// Each table's columns; a dot before a word: a number.
const TABLES = {
  position: "t-symbol t-strategy .t-quantity .t-entry .t-unrealized",
  order: "t-id t-symbol t-side t-kind .price .t-quantity .t-filled state .t-age",
  room: "t-limit subject .t-used .t-of .t-share",
  account: "venue t-stream .t-compared .t-equity",
  instrument: "t-symbol state .t-bid .t-ask .t-mark .t-data",
  figure: "t-step .t-span .t-count .t-p50 .t-p99 .t-p999 .t-most .t-bar",
  tail: "t-when t-record what reason",
};

export async function mount(slot, store) {
  await Promise.all([addWords("trader"), fetched("/static/trader.css")]);
  const tables = furnish(slot);
  const trader = new Trader(store, tables);
  store.subscribe(["trader", "look", "meta"], () => trader.paint());
}

// The panel's inside; returns its tables.
function furnish(slot) {
  const rows = {};
  const table = (name) => {
    const columns = TABLES[name].split(" ").map((word) => ({ word: word.replace(".", ""), place: word.startsWith(".") ? "n" : "" })), body = make("tbody", { id: `${name}-rows` });
    rows[name] = new Rows(body, columns.map(({ place }) => place));
    return make("table", { class: "data" }, make("thead", {}, make("tr", {}, ...columns.map(({ word, place }) => make("th", { scope: "col", class: place, "data-t": word })))), body);
  };
  const part = (id, title, inside, more = {}) => make("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": `h-${id}`, ...more }, make("h3", { id: `h-${id}` }, ...title), ...inside);
  const word = (key, attributes = {}) => make("span", { "data-t": key, ...attributes });
  const button = (step, key, more = {}) => make("button", { id: `flatten-${step}`, type: "button", "data-t": key, ...more });
  const ask = make("div", { id: "flatten-sure", role: "group", "aria-labelledby": "flatten-ask", hidden: "" }, make("p", { id: "flatten-ask" }), button("confirm", "t-confirm", { class: "danger" }), button("cancel", "t-cancel"));
  slot.append(
    make("div", { class: "head" }, make("h2", { id: "h-trader" }, word("t-title"), " ", make("small", { id: "trader-sub" })), make("div", { id: "flatten" }, button("arm", "t-flatten"), ask, make("p", { id: "flatten-said", role: "status" }))),
    make("p", { id: "trader-rung", "aria-hidden": "true" }), make("p", { id: "trader-said", class: "quiet", role: "status" }), make("ul", { id: "trader-causes" }), make("dl", { id: "trader-tiles", class: "tiles" }),
    part("positions", [word("t-positions")], [table("position"), make("p", { id: "no-position", "data-t": "t-flat" })]),
    part("orders", [word("t-orders"), " ", make("small", { id: "order-count" })], [table("order")]),
    make("div", { class: "columns even inner" }, part("room", [word("t-room")], [table("room")]), part("accounts", [word("t-accounts")], [table("account"), table("instrument")])),
    part("figures", [word("t-figures")], [table("figure")], { id: "trader-figures", class: "scroll short", hidden: "" }),
    part("tail", [word("t-tail")], [table("tail")], { class: "scroll short" }),
  );
  worded(slot);
  return rows;
}

// Pairs of term and value.
class Pairs {
  constructor(list) { this.list = list; this.nodes = new Map(); }

  set(key, label, value, bad) {
    if (!this.nodes.has(key)) {
      const term = make("dt"), said = make("dd");
      this.list.append(make("div", {}, term, said));
      this.nodes.set(key, [term, said]);
    }
    const [term, said] = this.nodes.get(key);
    put(term, label);
    put(said, value);
    mark(said, "data-bad", bad ? "" : null);
  }
}

class Trader {
  constructor(model, tables) {
    this.model = model;
    this.tables = tables;
    this.token = "";
    this.until = 0;
    this.said = "";
    this.tiles = new Pairs(byId("trader-tiles"));
    this.causes = new Rows(byId("trader-causes"), [""], false);
    for (const step of ["arm", "confirm", "cancel"]) byId(`flatten-${step}`).addEventListener("click", () => this[step]());
    byId("flatten-sure").addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); this.cancel(); } });
    setInterval(() => this.tick(), 250);
  }

  paint() {
    const it = this.model.trader;
    byId("trader").hidden = !it;
    if (!it) { this.forget(); return; }
    const gone = it.stale;
    const level = gone ? "bad" : LEVELS[it.rung] ?? "bad";
    const testnet = it.testnet.length ? ` · TESTNET ${it.testnet.join(", ")}` : it.simulated ? ` · ${t("t-simulated")}` : "";
    put(byId("trader-sub"), `${t(`t-mode-${it.mode}`)}${testnet} · ${it.trader} · ${t("p-started")} ${stamp(it.started_ns / 1e6, isLocal())}`);
    const text = (seconds) => (gone ? `✕ ${t(it.alive ? "t-stale" : "t-gone", { seconds, rung: it.rung })}` : `${GLYPHS[level]} ${it.rung}: ${t(`t-rung-${it.rung}`)}${it.running ? "" : ` · ${t("t-waiting")}`}`);
    put(byId("trader-rung"), text(Math.round(it.age)));
    put(byId("trader-said"), text("…")); // spoken when it changes: without what counts
    mark(byId("trader-rung"), "data-level", level);
    const causes = it.causes.map((each) => [`${t(`t-cause-${each.cause}`)}${each.subject ? ` · ${each.subject}` : ""}${each.detail ? ` (${each.detail})` : ""} · ${clock(each.since_ns / 1e6, isLocal())}`, "warn"]);
    if (it.incident) causes.push([t("t-resume", { incident: it.incident, data: it.data }), "bad"]);
    if (it.exit) causes.push([`${t("t-exit")}: ${it.exit}`, "bad"]);
    if (it.journal_why) causes.push([t("t-disk", { why: it.journal_why, count: it.journal_waiting }), "bad"]);
    if (it.armed_by) causes.push([t("t-armed", { by: it.armed_by }), "bad"]);
    this.causes.fill(causes, ([text, level]) => [{ text, level }]);
    this.paintTiles(it);
    this.paintTables(it);
    this.tick();
  }

  paintTiles(it) {
    for (const each of it.money) {
      for (const [name, word, value] of [["net", "t-net", each.net], ["real", "t-realized", each.realized], ["open", "t-open-pnl", each.unrealized], ["fees", "t-fees", each.fees], ["fund", "t-funding", each.funding]]) {
        this.tiles.set(`${name}-${each.currency}`, t(word, each), value, name === "net" && value.startsWith("-"));
      }
    }
    this.tiles.set("sent", t("t-sent"), count(it.sent));
    this.tiles.set("fills", t("t-fills"), count(it.fills));
    this.tiles.set("unknown", t("t-unknown"), it.unknown_orders ? `${count(it.unknown_orders)} · ${span(it.unknown_s)}` : "0", it.unknown_orders > 0);
    this.tiles.set("journal", t("t-journal"), count(it.journal_records), Boolean(it.journal_why));
    this.tiles.set("running", t("t-strategies"), `${count(it.strategies.filter((each) => each.state === "running").length)} / ${count(it.strategies.length)}`, it.strategies.some((each) => each.state === "quarantined"));
  }

  paintTables(it) {
    byId("no-position").hidden = it.positions.length > 0;
    this.tables.position.fill(it.positions, (each) => [each.side === "both" ? each.symbol : `${each.symbol} ${each.side}`, each.strategy || t("t-nobodys"), each.quantity, each.entry || "–", each.unrealized ? `${each.unrealized} ${each.currency}` : "–"]);
    put(byId("order-count"), it.open_orders > it.orders.length ? t("t-of-all", { shown: count(it.orders.length), all: count(it.open_orders) }) : count(it.open_orders));
    this.tables.order.fill(it.orders, (each) => [each.id, each.symbol, t(`t-side-${each.side}`), known(`t-kind-${each.kind}`) ? t(`t-kind-${each.kind}`) : each.kind, each.price || "–", each.quantity || t("t-all"), each.filled, { text: each.state, level: each.state === "UNKNOWN" ? "bad" : null }, span(each.age_s)]);
    this.tables.room.fill(it.room, (each) => [each.key, each.subject, each.used, each.limit, { text: percent(each.share * 100), level: each.share >= 1 ? "bad" : each.share >= 0.8 ? "warn" : null }]);
    this.tables.account.fill(it.accounts, (each) => [each.venue, { text: t(each.live ? "t-live" : "t-down"), level: each.live ? "good" : "bad" }, { text: each.compared_s == null ? t("t-not-yet") : t("t-ago", { span: span(each.compared_s) }), level: each.reconciled ? null : "warn" }, each.doubt || each.equity || "–"]);
    this.tables.instrument.fill(it.instruments, (each) => [each.symbol, { text: t(each.ready ? "t-ready" : "t-not-ready"), level: each.ready ? "good" : "warn" }, each.bid || "–", each.ask || "–", each.mark || "–", span(each.age_s)]);
    byId("trader-figures").hidden = !it.figures.length;
    this.tables.figure.fill(it.figures, (each) => [known(`t-f-${each.name}`) ? t(`t-f-${each.name}`) : each.name, span(each.over_s), count(each.count), ...[each.p50, each.p99, each.p999, each.most].map((value) => (each.count ? `${plain(value)} ${each.unit}` : "–")), { text: each.bar == null ? "–" : `${plain(each.bar)} ${each.unit}`, level: each.broken ? "bad" : null }]);
    this.tables.tail.fill([...it.tail].reverse(), (each) => [clock(Date.parse(each[0]), isLocal()), each[1], each[2], each[3]]);
  }

  // -- the exit, in two steps

  async arm() {
    const told = await this.step({ step: "arm" });
    if (!told.ok) { this.say("t-refused", told); return; }
    this.token = told.token;
    this.until = Date.now() + told.seconds * 1000;
    this.said = "";
    this.tick();
    byId("flatten-cancel").focus();
  }

  async confirm() {
    const token = this.token;
    this.forget();
    const told = await this.step({ step: "confirm", token });
    this.say(told.ok ? "t-begun" : "t-refused", told);
  }

  async cancel() {
    const token = this.token;
    if (!token) return;
    this.forget();
    byId("flatten-arm").focus();
    await this.step({ step: "disarm", token });
    this.say("t-disarmed", {});
  }

  async step(asked) {
    byId("flatten").toggleAttribute("aria-busy", true);
    try {
      const answer = await fetch("/trader/flatten", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) });
      return await answer.json();
    } catch {
      return { ok: false, why: t("t-no-answer") };
    } finally {
      byId("flatten").toggleAttribute("aria-busy", false);
    }
  }

  say(key, told) { this.said = t(key, { why: told.why ?? "" }); this.tick(); }

  forget() { this.token = ""; this.until = 0; this.tick(); }

  tick() {
    const left = Math.ceil((this.until - Date.now()) / 1000);
    if (this.token && left <= 0) { this.token = ""; this.said = t("t-too-late"); }
    const armed = Boolean(this.token);
    const it = this.model.trader;
    byId("flatten-sure").hidden = !armed;
    byId("flatten-arm").hidden = armed;
    byId("flatten-arm").disabled = !it || !it.alive || it.rung === "FLATTEN";
    if (armed) put(byId("flatten-ask"), t("t-sure", { seconds: left, trader: it?.trader ?? "" }));
    put(byId("flatten-said"), this.said);
  }
}

const plain = (value) => value.toFixed(value >= 100 ? 0 : value >= 1 ? 1 : 3);
