// A trader's panel: where it stands, what it holds, what it may do; and its emergency exit in two steps, which the trader itself keeps.
import { byId, make, mark, Pairs, put, Rows } from "./dom.js";
import { clock, count, percent, span, stamp } from "./format.js";
import { known, t } from "./i18n.js";
import { isLocal } from "./view.js";

const LEVELS = { ACTIVE: "good", NO_OPEN: "warn", REDUCING: "warn", HALTED: "bad", FLATTEN: "bad" };
const GLYPHS = { good: "✓", warn: "▲", bad: "✕" };
const POSITION = ["t-symbol", "t-strategy", "t-quantity", "t-entry", "t-unrealized"];
const ORDER = ["t-id", "t-symbol", "t-side", "t-kind", "price", "t-quantity", "t-filled", "state", "t-age"];
const ROOM = ["t-limit", "subject", "t-used", "t-of", "t-share"];
const ACCOUNT = ["venue", "t-stream", "t-compared", "t-equity"];
const INSTRUMENT = ["t-symbol", "state", "t-bid", "t-ask", "t-mark", "t-data"];
const FIGURE = ["t-step", "t-span", "t-count", "t-p50", "t-p99", "t-p999", "t-most", "t-bar"];
const TAIL = ["t-when", "t-record", "what", "reason"];

export function mountTrader(slot, store) {
  void slot; // as it stands in the page
  const trader = new Trader(store);
  store.subscribe(["look", "meta"], () => trader.head());
  store.subscribe(["trader", "look"], () => trader.paint());
}

class Trader {
  constructor(model) {
    this.model = model;
    this.token = "";
    this.until = 0;
    this.said = "";
    this.tiles = new Pairs(byId("trader-tiles"));
    this.positions = new Rows(byId("position-rows"), ["", "", "n", "n", "n"]);
    this.orders = new Rows(byId("order-rows"), ["", "", "", "", "n", "n", "n", "", "n"]);
    this.room = new Rows(byId("room-rows"), ["", "", "n", "n", "n"]);
    this.accounts = new Rows(byId("account-rows"), ["", "", "n", "n"]);
    this.instruments = new Rows(byId("instrument-rows"), ["", "", "n", "n", "n", "n"]);
    this.figures = new Rows(byId("figure-rows"), ["", "n", "n", "n", "n", "n", "n", "n"]);
    this.tail = new Rows(byId("tail-rows"), ["", "", "", ""]);
    byId("flatten-arm").addEventListener("click", () => this.arm());
    byId("flatten-confirm").addEventListener("click", () => this.confirm());
    byId("flatten-cancel").addEventListener("click", () => this.cancel());
    byId("flatten-sure").addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); this.cancel(); } });
    setInterval(() => this.tick(), 250);
  }

  head() {
    for (const [id, keys, from] of [["position-head", POSITION, 2], ["order-head", ORDER, 4], ["room-head", ROOM, 2], ["account-head", ACCOUNT, 2], ["instrument-head", INSTRUMENT, 2], ["figure-head", FIGURE, 1], ["tail-head", TAIL, 9]]) {
      byId(id).replaceChildren(...keys.map((key, at) => make("th", { scope: "col", class: at >= from && key !== "state" ? "n" : "", text: t(key) })));
    }
    this.tick();
  }

  paint() {
    const it = this.model.trader;
    byId("trader").hidden = !it;
    if (!it) { this.forget(); return; }
    const gone = it.stale;
    const level = gone ? "bad" : LEVELS[it.rung] ?? "bad";
    const testnet = it.testnet.length ? ` · TESTNET ${it.testnet.join(", ")}` : it.simulated ? ` · ${t("t-simulated")}` : "";
    put(byId("trader-sub"), `${t(`t-mode-${it.mode}`)}${testnet} · ${it.trader} · ${t("p-started")} ${stamp(it.started_ns / 1e6, isLocal())}`);
    put(byId("trader-rung"), gone ? `✕ ${t(it.alive ? "t-stale" : "t-gone", { seconds: Math.round(it.age), rung: it.rung })}` : `${GLYPHS[level]} ${it.rung}: ${t(`t-rung-${it.rung}`)}${it.running ? "" : ` · ${t("t-waiting")}`}`);
    mark(byId("trader-rung"), "data-level", level);
    const causes = it.causes.map((each) => [`${t(`t-cause-${each.cause}`)}${each.subject ? ` · ${each.subject}` : ""}${each.detail ? ` (${each.detail})` : ""} · ${clock(each.since_ns / 1e6, isLocal())}`, "warn"]);
    if (it.incident) causes.push([t("t-resume", { incident: it.incident, data: it.data }), "bad"]);
    if (it.exit) causes.push([`${t("t-exit")}: ${it.exit}`, "bad"]);
    if (it.journal_why) causes.push([t("t-disk", { why: it.journal_why, count: it.journal_waiting }), "bad"]);
    if (it.armed_by) causes.push([t("t-armed", { by: it.armed_by }), "bad"]);
    const list = byId("trader-causes");
    while (list.children.length > causes.length) list.lastChild.remove();
    causes.forEach(([text, bad], at) => { const item = list.children[at] ?? list.appendChild(make("li")); put(item, text); mark(item, "data-level", bad); });
    this.paintTiles(it);
    this.paintTables(it);
    this.tick();
  }

  paintTiles(it) {
    for (const each of it.money) {
      this.tiles.set(`net-${each.currency}`, t("t-net", each), each.net, each.net.startsWith("-"));
      this.tiles.set(`real-${each.currency}`, t("t-realized", each), each.realized);
      this.tiles.set(`open-${each.currency}`, t("t-open-pnl", each), each.unrealized);
      this.tiles.set(`fees-${each.currency}`, t("t-fees", each), each.fees);
      this.tiles.set(`fund-${each.currency}`, t("t-funding", each), each.funding);
    }
    this.tiles.set("sent", t("t-sent"), count(it.sent));
    this.tiles.set("fills", t("t-fills"), count(it.fills));
    this.tiles.set("unknown", t("t-unknown"), it.unknown_orders ? `${count(it.unknown_orders)} · ${span(it.unknown_s)}` : "0", it.unknown_orders > 0);
    this.tiles.set("journal", t("t-journal"), count(it.journal_records), Boolean(it.journal_why));
    this.tiles.set("running", t("t-strategies"), `${count(it.strategies.filter((each) => each.state === "running").length)} / ${count(it.strategies.length)}`, it.strategies.some((each) => each.state === "quarantined"));
  }

  paintTables(it) {
    byId("no-position").hidden = it.positions.length > 0;
    this.positions.fill(it.positions, (each) => [each.side === "both" ? each.symbol : `${each.symbol} ${each.side}`, each.strategy || t("t-nobodys"), each.quantity, each.entry || "–", each.unrealized ? `${each.unrealized} ${each.currency}` : "–"]);
    put(byId("order-count"), it.open_orders > it.orders.length ? t("t-of-all", { shown: count(it.orders.length), all: count(it.open_orders) }) : count(it.open_orders));
    this.orders.fill(it.orders, (each) => [each.id, each.symbol, t(`t-side-${each.side}`), known(`t-kind-${each.kind}`) ? t(`t-kind-${each.kind}`) : each.kind, each.price || "–", each.quantity || t("t-all"), each.filled, { text: each.state, level: each.state === "UNKNOWN" ? "bad" : null }, span(each.age_s)]);
    this.room.fill(it.room, (each) => [each.key, each.subject, each.used, each.limit, { text: percent(each.share * 100), level: each.share >= 1 ? "bad" : each.share >= 0.8 ? "warn" : null }]);
    this.accounts.fill(it.accounts, (each) => [each.venue, { text: t(each.live ? "t-live" : "t-down"), level: each.live ? "good" : "bad" }, { text: each.compared_s == null ? t("t-not-yet") : t("t-ago", { span: span(each.compared_s) }), level: each.reconciled ? null : "warn" }, each.doubt || each.equity || "–"]);
    this.instruments.fill(it.instruments, (each) => [each.symbol, { text: t(each.ready ? "t-ready" : "t-not-ready"), level: each.ready ? "good" : "warn" }, each.bid || "–", each.ask || "–", each.mark || "–", span(each.age_s)]);
    byId("trader-figures").hidden = !it.figures.length;
    this.figures.fill(it.figures, (each) => [known(`t-f-${each.name}`) ? t(`t-f-${each.name}`) : each.name, span(each.over_s), count(each.count), ...[each.p50, each.p99, each.p999, each.most].map((value) => `${plain(value)} ${each.unit}`), { text: each.bar == null ? "–" : `${plain(each.bar)} ${each.unit}`, level: each.broken ? "bad" : null }]);
    this.tail.fill([...it.tail].reverse(), (each) => [clock(Date.parse(each[0]), isLocal()), each[1], each[2], each[3]]);
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
