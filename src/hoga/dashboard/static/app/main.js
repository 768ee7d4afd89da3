// The page's loop: messages change the model, and each animation frame paints what changed, once.
import { Book } from "./book.js";
import { Charts } from "./charts.js";
import { byId, make, mark, Pairs, put, Rows } from "./dom.js";
import { bytes, clock, count, day, line, ms, percent, rate, span } from "./format.js";
import { languages, setLanguage, t } from "./i18n.js";
import { Link } from "./link.js";
import { Model } from "./model.js";
import { drawStrip, shareText, StreamTable } from "./table.js";
import { Trader } from "./trader.js";
import { colours, isLocal, loadView, onView, setView, view } from "./view.js";
import { alertText, gapLoss, incidentText, kindText, lossText, reasonText, verdictText } from "./words.js";

const GLYPHS = { recording: "✓", degraded: "▲", stopped: "✕", waiting: "…" };
const STALE_MS = 1700;
const OLD_S = 10; // a book older than this is not shown as if it were live

const model = new Model();
const stats = { updates: 0, script_ms: 0, worst_ms: 0, bytes: 0, points: 0 };
globalThis.hoga = { model, stats };

loadView();
setLanguage(view.lang);

const table = new StreamTable(model, choose);
const book = new Book(model);
const charts = new Charts(byId("charts"), [
  { title: "ch-rate", curves: [{ key: "rate", label: "l-rate" }] },
  { title: "ch-latency", curves: [{ key: "median", label: "l-median" }, { key: "p99", label: "l-p99" }] },
  { title: "ch-tick", curves: [{ key: "tick", label: "l-tick" }, { key: "lag", label: "l-lag" }, { key: "gc", label: "l-gc" }] },
  { title: "ch-queue", curves: [{ key: "queue", label: "l-queue" }] },
  { title: "ch-cpu", curves: [{ key: "cpu", label: "l-cpu" }, { key: "collector", label: "l-collector" }, { key: "memory", label: "l-memory" }] },
  { title: "ch-net", curves: [{ key: "net_in", label: "l-in", scale: 1e-3 }, { key: "net_out", label: "l-out", scale: 1e-3 }] },
], drawSoon);
const own = new Charts(byId("chosen-charts"), [
  { title: "ch-srate", curves: [{ key: "rate", label: "l-stream" }] },
  { title: "ch-slatency", curves: [{ key: "median", label: "l-median" }] },
], drawSoon);
const tiles = new Pairs(byId("tiles"));
const machine = new Pairs(byId("machine"));
const recorder = new Pairs(byId("process"));
const CONNECTION = ["connection", "state", "framesps", "nstreams", "epoch", "uptime", "reconnects", "perhour", "failures", "health", "lastclose"];
const connections = new Rows(byId("connection-rows"), ["", "", "n", "n", "n", "n", "n", "n", "n", "n", ""]);
const HUB = ["connection", "h-kind", "state", "framesps", "h-subscriptions", "epoch", "uptime", "reconnects", "h-requests", "h-stale", "h-errors", "health"];
const hub = new Pairs(byId("hub-pairs"));
const alertRows = new Rows(byId("alert-rows"), ["", "", ""]);
const hubRows = new Rows(byId("hub-rows"), ["", "", "", "n", "n", "n", "n", "n", "n", "n", "n", "n"]);
const happened = new Rows(byId("incidents"), ["", "", "", "n", "n"]);
const recent = new Rows(byId("recent-gaps"), ["", "", "", "", "", "n"]);
const ownGaps = new Rows(byId("chosen-gaps"), ["", "", "", "n"]);
const trader = new Trader(model);
const link = new Link(receive);

function receive(messages, size) {
  const began = performance.now();
  for (const message of messages) model.take(message);
  stats.updates += 1;
  stats.bytes += size;
  spent(performance.now() - began);
  wake();
}

function drawSoon() { model.dirty.add("draw"); wake(); }

let waiting = false;
function wake() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(frame);
}

function frame() {
  waiting = false;
  const began = performance.now();
  paint();
  spent(performance.now() - began, true);
  if (model.dirty.size) wake();
}

let update = 0;
function spent(millis, last) {
  stats.script_ms += millis;
  update += millis;
  if (last) { stats.worst_ms = Math.max(stats.worst_ms, update); update = 0; }
}

function paint() {
  const { dirty } = model;
  if (dirty.delete("meta")) paintMeta();
  if (dirty.delete("now")) paintNow();
  if (dirty.delete("rows")) table.paint();
  if (dirty.delete("book")) book.paint();
  if (dirty.delete("stream")) paintStream();
  if (dirty.delete("today")) { table.paint(); paintToday(); }
  if (dirty.delete("slow")) paintSlow();
  if (dirty.delete("logs")) paintLogs();
  if (dirty.delete("trader")) trader.paint();
  if (dirty.delete("charts")) { charts.wanted(); if (model.stream) own.wanted(); dirty.add("draw"); }
  if (dirty.has("draw")) {
    const more = charts.paint(model.history) || (model.stream && own.paint(model.stream.history));
    if (!more) dirty.delete("draw");
  }
}

function paintMeta() {
  const { meta } = model;
  byId("ribbon").hidden = !meta?.simulated;
  document.documentElement.toggleAttribute("data-simulated", Boolean(meta?.simulated));
  put(byId("version"), meta ? meta.hoga : "");
  put(byId("where"), meta ? `${meta.data} · ${t("p-started")} ${day(meta.started, isLocal())}` : "");
  table.head();
  table.arrange();
  if (!meta) return;
  const at = meta.streams.findIndex((row) => `${row[1]}:${row[0]}` === view.stream);
  choose(at >= 0 ? at : meta.books[0] ?? 0, at < 0);
}

function paintNow() {
  const { now } = model;
  const root = document.documentElement;
  if (root.dataset.state !== model.state) root.dataset.state = model.state;
  put(byId("verdict-glyph"), GLYPHS[model.state]);
  put(byId("verdict-word"), t(`state-${model.state}`));
  put(byId("verdict-sub"), t(`sub-${model.state}`, now.totals));
  const list = byId("reasons");
  const texts = model.reasons.map((reason) => [verdictText(reason), reason.level]);
  while (list.children.length > texts.length) list.lastChild.remove();
  texts.forEach(([text, level], at) => {
    const item = list.children[at] ?? list.appendChild(make("li"));
    put(item, text);
    mark(item, "data-level", level);
  });
  const title = `${GLYPHS[model.state]} hoga: ${t(`state-${model.state}`)}`;
  if (document.title !== title) document.title = title;
  const totals = now.totals;
  if (!totals) return;
  tiles.set("rate", t("rate"), rate(totals.rate));
  tiles.set("records", t("records"), count(totals.records));
  tiles.set("live", t("live"), `${totals.live} / ${totals.streams}`, totals.live < totals.streams);
  tiles.set("incidents", t("incidents"), count(totals.incidents));
  tiles.set("gaps", t("gaps"), count(totals.gaps));
  tiles.set("median", t("median"), ms(totals.median));
  tiles.set("p99", t("p99"), ms(totals.p99));
  tiles.set("queue", t("queue"), count(totals.queue));
}

const stateLevel = (state) => (state === "connected" || state === "handover" ? "good" : state === "connecting" || state === "disconnected" ? "warn" : "bad");

function paintSlow() {
  const { slow } = model;
  const { hardware, process, venues } = slow;
  connections.fill(slow.connections, (each) => [
    each.name,
    { text: t(`cs-${each.state}`), level: stateLevel(each.state) },
    rate(each.rate), count(each.streams), count(each.epoch), span(each.uptime_s), count(each.reconnects), count(each.per_hour), count(each.failures),
    { text: `${each.score} %`, level: each.score >= 80 ? "good" : each.score >= 50 ? "warn" : "bad" },
    each.last_close || "–",
  ]);
  paintHub(slow.hub);
  tiles.set("tick", t("tick"), ms(worst(venues.map((venue) => venue.tick_ms[1]))));
  const offset = venues.find((venue) => venue.clock_offset_ms != null);
  tiles.set("clock", t("clock"), offset ? ms(offset.clock_offset_ms) : "–", Boolean(offset) && model.reasons.some((reason) => reason.code === "clock"));
  recorder.set("lag", t("p-lag"), ms(process.loop_lag_max_ms));
  recorder.set("gc", t("p-gc"), `${ms(process.gc_pause_max_ms)} (${count(process.gc_collections)})`);
  recorder.set("tick", t("p-tick"), [0, 1, 2].map((at) => ms(worst(venues.map((venue) => venue.tick_ms[at])))).join(" / "));
  recorder.set("fsync", t("p-fsync"), ms(worst(venues.map((venue) => venue.fsync_ms))));
  recorder.set("publish", t("p-publish"), `${process.publish_us.toFixed(0)} µs / ${span(process.publish_interval_s)}`);
  recorder.set("clock", t("p-clock"), offset ? `${ms(offset.clock_offset_ms)} (${offset.clock_source})` : t("unknown"));
  recorder.set("sealed", t("p-sealed"), `${count(sum(venues, "sealed"))} / ${count(sum(venues, "waiting"))}`);
  recorder.set("days", t("p-days"), count(sum(venues, "days")));
  recorder.set("odd", t("p-odd"), count(sum(venues, "odd")));
  const lost = venues.flatMap((venue) => Object.entries(venue.lost)).filter(([, frames]) => frames);
  recorder.set("lost", t("p-lost"), lost.length ? lost.map(([reason, frames]) => `${reasonText(reason)} ${count(frames)}`).join(", ") : t("none"), lost.length > 0);
  recorder.set("restarts", t("p-restarts"), count(process.dashboard_restarts));
  recorder.set("viewers", t("p-viewers"), count(slow.viewers));
  happened.fill([...slow.happened].reverse(), (each) => [clock(each.from_ns / 1e6, isLocal()), incidentText(each), each.venue || "–", count(each.streams), lossText(each.missed, each.uncounted)]);
  recent.fill([...slow.recent].reverse(), ([stream, from, to, reason, missed]) => {
    const row = model.meta?.streams[stream];
    return [clock(from, isLocal()), span((to - from) / 1000), row?.[1] ?? "", row?.[0] ?? "", reasonText(reason), gapLoss(missed)];
  });
  if (!hardware) return;
  tiles.set("disk", t("disk"), bytes(hardware.disk_free), hardware.disk_free != null && model.meta && hardware.disk_free < model.meta.reserve * 1.25);
  machine.set("cpu", t("m-cpu"), `${percent(hardware.cpu_percent)} × ${hardware.cpus}`);
  machine.set("load", t("m-load"), hardware.load1 == null ? "–" : hardware.load1.toFixed(2));
  machine.set("collector", t("m-collector"), percent(hardware.collector_cpu));
  machine.set("workers", t("m-workers"), percent(hardware.workers_cpu));
  machine.set("rss", t("m-rss"), bytes(hardware.collector_rss));
  machine.set("memory", t("m-memory"), percent(hardware.memory_percent), process.memory_short);
  machine.set("net", t("m-net"), `${bytes(hardware.net_in)}/s / ${bytes(hardware.net_out)}/s`);
  machine.set("disk", t("m-disk"), `${bytes(hardware.disk_free)} / ${bytes(hardware.disk_total)}`);
  machine.set("per-day", t("m-per-day"), hardware.own_bytes_per_day == null ? t("unknown") : bytes(hardware.own_bytes_per_day));
  machine.set("reserve", t("m-reserve"), hardware.own_bytes_per_day == null ? t("unknown") : hardware.reserve_in_s == null ? t("never") : span(hardware.reserve_in_s));
  machine.set("trend", t("m-trend"), hardware.own_bytes_per_day == null ? t("unknown") : hardware.trend_in_s == null ? t("never") : span(hardware.trend_in_s));
  machine.set("temp", t("m-temp"), hardware.temperature == null ? "–" : `${hardware.temperature.toFixed(0)} °C`);
  machine.set("dash", t("m-dash"), `${percent(hardware.dashboard_cpu)}, ${bytes(hardware.dashboard_rss)}`);
}

function paintHub(it) {
  byId("hub").hidden = !it;
  if (!it) return;
  hub.set("components", t("h-components"), count(it.components));
  hub.set("subscriptions", t("h-subscriptions"), count(it.subscriptions));
  hub.set("values", t("h-values"), count(it.values));
  hub.set("delivered", t("h-delivered"), count(it.delivered));
  hub.set("dropped", t("h-dropped"), count(it.dropped), it.dropped > 0);
  hub.set("errors", t("h-raised"), count(it.callback_errors), it.callback_errors > 0);
  hub.set("latency", t("h-latency"), `${ms(it.latency_ms)} / ${ms(it.latency_p99_ms)}`);
  byId("alerts").hidden = !it.alerts.length;
  alertRows.fill(it.alerts, ([kind, subject, text, code, args]) => [{ text: t(`al-${kind}`), level: "bad" }, subject, alertText(text, code, args)]);
  hubRows.fill(it.connections, ([name, , kind, state, epoch, uptime, perSecond, subscriptions, requests, reconnects, errors, stale, health]) => {
    return [
      name, t(`hk-${kind}`), { text: t(`cs-${state}`), level: stateLevel(state) }, rate(perSecond), count(subscriptions), count(epoch), span(uptime),
      count(reconnects), count(requests), count(stale), percent(errors * 100), { text: percent(health * 100), level: health >= 0.8 ? "good" : health >= 0.5 ? "warn" : "bad" },
    ];
  });
}

const sum = (rows, key) => rows.reduce((total, row) => total + row[key], 0);
function worst(values) {
  const known = values.filter((value) => value != null);
  return known.length ? Math.max(...known) : null;
}

function paintLogs() {
  const box = byId("log");
  const list = box.firstElementChild;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
  while (list.children.length > model.logs.length) list.lastChild.remove();
  model.logs.forEach((text, at) => {
    const item = list.children[at] ?? list.appendChild(make("li"));
    put(item, line(text, isLocal()));
    mark(item, "data-level", / ERROR /.test(text) ? "bad" : / WARNING /.test(text) ? "warn" : null);
  });
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function choose(at, byItself) {
  const row = model.meta?.streams[at];
  if (!row) return;
  const name = `${row[1]}:${row[0]}`;
  if (at !== model.place || link.wanted !== name) {
    model.place = at;
    model.stream = null;
    book.clear();
    link.choose(name);
  }
  if (!byItself) setView({ stream: name });
  put(byId("h-chosen"), row[0]);
  put(byId("chosen-sub"), `${row[1]} · ${row[2]} · ${kindText(row[4])}`);
  const hasBook = model.meta.books.includes(at);
  document.querySelector(".book").hidden = !hasBook;
  byId("no-book").hidden = hasBook;
  mark(byId("heat"), "aria-label", t("heat-alt", { name: row[0] }));
  put(byId("heat-text"), t("heat-legend"));
  model.dirty.add("rows").add("today");
  wake();
}

function paintStream() {
  ownGaps.fill([...model.stream.gaps].reverse().slice(0, 50), ([from, to, reason, missed]) => [clock(from, isLocal()), span((to - from) / 1000), reasonText(reason), gapLoss(missed)]);
  paintToday();
}

function paintToday() {
  const known = model.today[model.place] ?? (model.stream ? [model.stream.coverage, model.stream.strip, model.stream.proven] : null);
  const share = known?.[0];
  put(byId("today-share"), share == null ? t("share-none") : t("share", { percent: shareText(share, ""), proven: shareText(known[2], "") }));
  mark(byId("today-strip"), "aria-label", t("strip-alt", { share: shareText(share), proven: shareText(known?.[2]) }));
  drawStrip(byId("today-strip"), known?.[1] ?? "");
}

function paintLink() {
  const box = byId("link");
  const seconds = Math.round((Date.now() - (link.state === "live" ? link.heard : link.since)) / 1000);
  const age = (model.now?.age ?? 0) + (Date.now() - link.heard) / 1000;
  const quiet = link.state === "live" && (Date.now() - link.heard > STALE_MS || (model.now && age > STALE_MS / 1000));
  const lost = link.state !== "live" && link.state !== "wait" && link.state !== "full";
  const state = quiet ? "stale" : lost ? "lost" : link.state;
  mark(box, "data-link", state);
  const old = model.ladder && (Date.now() - model.ladder.t) / 1000;
  put(byId("book-age"), old > OLD_S ? t("age", { seconds: Math.round(old) }) : "");
  document.documentElement.toggleAttribute("data-old-book", old > OLD_S);
  put(byId("link-text"), t(link.state === "over" ? "link-over" : `link-${state}`, { seconds: quiet ? Math.round(age) : seconds }));
  if (lost && model.state !== "waiting") {
    model.state = "waiting";
    document.documentElement.dataset.state = "stopped";
    put(byId("verdict-glyph"), "✕");
    put(byId("verdict-word"), t("link-lost", { seconds }));
    put(byId("verdict-sub"), "");
    byId("reasons").replaceChildren();
  } else if (lost) put(byId("verdict-word"), t("link-lost", { seconds }));
}

function words() {
  setLanguage(view.lang);
  for (const key of ["lang", "theme", "colours", "time"]) byId(`set-${key}`).value = key === "colours" ? colours() : view[key];
  byId("connection-head").replaceChildren(...CONNECTION.map((key, at) => make("th", { scope: "col", class: at > 1 && at < 10 ? "n" : "", text: t(key) })));
  trader.head();
  byId("hub-head").replaceChildren(...HUB.map((key, at) => make("th", { scope: "col", class: at > 2 ? "n" : "", text: t(key) })));
  for (const key of ["meta", "now", "slow", "logs", "today", "trader"]) if (key === "meta" || model.now) model.dirty.add(key);
  if (!model.slow.connections) model.dirty.delete("slow");
  if (!model.now) put(byId("verdict-word"), t("state-waiting"));
  if (model.stream) model.dirty.add("stream");
  table.rows.forEach((entry) => { entry.strip = null; });
  charts.rebuild();
  own.rebuild();
  book.restyle();
  model.dirty.add("draw");
  wake();
}

onView((changes) => {
  if (["lang", "theme", "colours", "time"].some((key) => key in changes) || !Object.keys(changes).length) words();
});
for (const key of ["lang", "theme", "colours", "time"]) byId(`set-${key}`).addEventListener("change", (event) => setView({ [key]: event.target.value }));
addEventListener("hashchange", () => { loadView(); words(); });
addEventListener("resize", () => table.resized());
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { if (event.key === "Escape") event.target.blur(); return; }
  if (event.key === "/") { event.preventDefault(); byId("filter").focus(); }
  else if (event.key === "t") setView({ theme: document.documentElement.hasAttribute("data-dark") ? "light" : "dark" });
  else if (event.key === "l") setView({ lang: languages[(languages.indexOf(view.lang) + 1) % languages.length] });
  else if (event.key === "b") byId("only-bad").click();
  else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target === document.body) table.key(event);
  else if (event.key === "Escape") byId("settings").open = false;
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });

words();
link.open();
setInterval(paintLink, 250);
paintLink();
