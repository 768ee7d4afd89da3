// Machine and recorder as bars: how much of what there is, is in use; what has no end as figures beside it.
import { axis } from "./axis.js";
import { head, make, mark, put } from "./dom.js";
import { bytes, count, ms, percent, span } from "./format.js";
import { t } from "./i18n.js";
import { reasonText } from "./words.js";

// Bars: (store) → {part 0..1 | null, text, level}. Milliseconds are laid over decades: 0.1 ms … 1 s.
const decades = (value) => (value == null ? null : Math.max(0.02, Math.min(1, (Math.log10(Math.max(0.1, value)) + 1) / 4)));
const from = (part, warn, bad) => (part == null ? null : part >= bad ? "bad" : part >= warn ? "warn" : null);

const BARS = {
  cpu: ({ hardware }) => hardware && { part: hardware.cpu_percent / 100, text: `${percent(hardware.cpu_percent)} ${t("of-cpus", { count: hardware.cpus })}`, level: from(hardware.cpu_percent, 90, 98) === "bad" ? "warn" : null },
  collector: ({ hardware }) => hardware?.collector_cpu != null && { part: hardware.collector_cpu / 100, text: percent(hardware.collector_cpu), level: from(hardware.collector_cpu, 75, 95) },
  workers: ({ hardware }) => hardware?.workers_cpu > 0 && { part: hardware.workers_cpu / 100 / hardware.cpus, text: percent(hardware.workers_cpu) },
  memory: ({ hardware, process }) => hardware && { part: hardware.memory_percent / 100, text: t("in-use-rss", { percent: percent(hardware.memory_percent), rss: bytes(hardware.collector_rss) }), level: process?.memory_short ? "warn" : null },
  disk: ({ hardware }, { meta }) => hardware?.disk_total && { part: 1 - hardware.disk_free / hardware.disk_total, text: t("free-of", { free: bytes(hardware.disk_free), total: bytes(hardware.disk_total) }), level: hardware.disk_free < (meta?.reserve ?? 0) * 1.25 ? "bad" : null },
  todisk: ({ venues }) => venues?.length && timed([0, 1, 2].map((at) => worst(venues.map((venue) => venue.tick_ms?.[at]))), 100, 1000),
  fsync: ({ venues }) => venues?.some((venue) => venue.fsyncs) && one(worst(venues.map((venue) => venue.fsync_ms)), 200, 1000),
  lag: ({ process }) => process && one(process.loop_lag_max_ms, 100, 500),
  gc: ({ process }) => process?.gc_pause_max_ms > 0 && one(process.gc_pause_max_ms, 50, 250),
};
function one(value, warn, bad) { return { part: decades(value), text: ms(value), level: from(value, warn, bad) }; }
function timed(values, warn, bad) {
  const told = values.map(ms), alike = told.every((each) => each.endsWith(" ms")), [p50, p99, most] = told.map((each, at) => (alike && at < 2 ? each.slice(0, -3) : each)); // the unit once
  return { part: decades(values[1]), text: t("p50-p99-most", { p50, p99, most }), level: from(values[1], warn, bad) };
}

const PAIRS = {
  net: ({ hardware }) => hardware && t("net-in-out", { in: bytes(hardware.net_in), out: bytes(hardware.net_out) }),
  days: ({ hardware }) => hardware && (hardware.own_bytes_per_day == null ? t("after-an-hour") : hardware.reserve_in_s == null ? t("never") : t("days-at", { span: span(hardware.reserve_in_s), pace: bytes(hardware.own_bytes_per_day) })),
  trend: ({ hardware }) => hardware?.own_bytes_per_day != null && hardware.trend_in_s != null && span(hardware.trend_in_s),
  clock: ({ venues }) => { const known = venues?.find((venue) => venue.clock_offset_ms != null); return venues && (known ? t("clock-by", { ms: ms(known.clock_offset_ms), source: known.clock_source }) : t("clock-unknown")); },
  queue: (_, { totals }) => totals?.queue > 0 && count(totals.queue),
  sealed: ({ venues }) => venues && [sum(venues, "sealed") ? t("minutes", { count: count(sum(venues, "sealed")) }) : t("first-minute"), sum(venues, "waiting") ? t("waiting", { count: count(sum(venues, "waiting")) }) : "", sum(venues, "days") ? t("days-merged", { count: count(sum(venues, "days")) }) : ""].filter(Boolean).join(" · "),
  lost: ({ venues }) => {
    const lost = {};
    for (const venue of venues ?? []) for (const [reason, frames] of Object.entries(venue.lost)) if (frames) lost[reason] = (lost[reason] ?? 0) + frames;
    const words = Object.entries(lost).map(([reason, frames]) => `${reasonText(reason)} ${count(frames)}`);
    return words.length > 0 && { text: words.join(", "), level: "bad" };
  },
  odd: ({ venues }) => sum(venues ?? [], "odd") > 0 && count(sum(venues, "odd")),
  temp: ({ hardware }) => hardware?.temperature != null && `${hardware.temperature.toFixed(0)} °C`,
  publish: ({ process }) => process && t("each", { cost: `${process.publish_us.toFixed(0)} µs`, span: span(process.publish_interval_s) }),
  dash: ({ hardware, viewers, process }) => hardware && [percent(hardware.dashboard_cpu), bytes(hardware.dashboard_rss), t("viewers", { count: count(viewers) }), process?.dashboard_restarts ? t("restarts", { count: count(process.dashboard_restarts) }) : ""].filter(Boolean).join(" · "),
};

export function mount(slot, store) {
  const list = make("dl", { id: "machine-list" });
  const empty = make("p", { class: "empty" });
  slot.append(head("machine", make("span", { "data-t": "machine-recorder" })), empty, list);
  const rows = [...Object.entries(BARS).map(([key, read]) => ({ key, read, bar: make("i") })), ...Object.entries(PAIRS).map(([key, read]) => ({ key, read, bar: null }))].map((row) => {
    const label = make("button", { type: "button", class: "x", "data-x": `m-${row.key}`, "data-t": `ml-${row.key}` });
    const value = make("dd");
    const text = make("span", { class: "text" });
    value.append(...(row.bar ? [make("span", { class: "meter", "aria-hidden": "true" }, row.bar)] : []), text);
    const node = make("div", { class: row.bar ? "bar" : "pair", hidden: "" }, make("dt", {}, label), value);
    list.append(node);
    return { ...row, node, text };
  });
  store.subscribe(["slow", "look"], () => {
    if (axis.paused) return;
    const { slow } = store;
    empty.hidden = Boolean(slow);
    put(empty, t("not-told-yet"));
    if (!slow) return;
    for (const row of rows) {
      const found = row.read(slow, store);
      row.node.hidden = !found;
      if (!found) continue;
      const { text, level, part } = typeof found === "string" ? { text: found } : found;
      put(row.text, text);
      mark(row.node, "data-level", level ?? null);
      if (row.bar) row.bar.style.transform = `scaleX(${part == null ? 0 : Math.max(0, Math.min(1, part)).toFixed(3)})`;
    }
  });
}

const sum = (rows, key) => rows.reduce((total, row) => total + (row[key] ?? 0), 0);
function worst(values) {
  const known = values.filter((value) => value != null);
  return known.length ? Math.max(...known) : null;
}
