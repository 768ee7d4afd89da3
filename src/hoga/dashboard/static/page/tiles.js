// Six figures that say how it goes, each with the curve of the last minutes; a click leads to what is behind it.
import { axis } from "./axis.js";
import { make, mark, put, root } from "./dom.js";
import { bytes, count, plainMs, rate, share, span } from "./format.js";
import { t } from "./i18n.js";
import { leadTo } from "./layout.js";
import { ringsOf } from "./rings.js";
import { bandPath, folded, sparkOf, sparkPath } from "./spark.js";
import { stacked } from "./timeline.js";
import { lostText } from "./words.js";

const POINTS = 90, W = 120, H = 28;
const SHOWN_MS = 450; // ten times a second would be a flicker

// figure(store) → {text, unit, sub, level}. `curve`: those of the run that are drawn beside it, from one to another over decades.
const TILES = [
  { key: "rate", to: "charts", curve: [], figure: ({ totals }) => ({ text: rate(totals?.rate), unit: "/s", sub: totals ? t("tile-records", { count: count(totals.records) }) : "" }) },
  { key: "latency", to: "charts", curve: ["p50", "p99"], figure: latency },
  { key: "share", to: "today", meter: ({ totals }) => totals?.today, figure: ({ totals }) => ({ text: share(totals?.today), unit: "%", sub: totals?.day == null ? t("tile-not-yet") : t("tile-day", { share: share(totals.day) }) }) },
  { key: "incidents", to: "incidents", figure: incidents },
  { key: "todisk", to: "charts", curve: ["disk50", "disk99"], figure: todisk },
  { key: "disk", to: "machine", meter: ({ slow }) => used(slow?.hardware), figure: disk },
];

export function mountTiles(slot, store) {
  const rings = ringsOf(store);
  const tiles = TILES.map((tile) => {
    const label = make("span", { class: "label cut", "data-t": `tile-${tile.key}` }), figure = make("span", { class: "figure" }), unit = make("span", { class: "unit" }), sub = make("span", { class: "sub cut" });
    const node = make("button", { type: "button", class: "tile", "data-x": tile.key }, label, make("span", { class: "value cut" }, figure, " ", unit), sub);
    const { picture, path } = tile.curve ? sparkOf(W, H, { class: "spark", preserveAspectRatio: "none" }) : {};
    const bar = tile.meter && make("i");
    if (path) node.append(picture);
    if (bar) node.append(make("span", { class: "meter", "aria-hidden": "true" }, bar));
    node.addEventListener("click", () => leadTo(tile.to));
    slot.append(node);
    return { tile, node, figure, unit, sub, path, bar };
  });

  const paint = () => {
    const stopped = root.dataset.state === "stopped";
    for (const each of tiles) {
      const { text, unit, sub, level } = each.tile.figure(store);
      put(each.figure, text);
      put(each.unit, text === "–" ? "" : unit);
      mark(each.figure.parentNode, "title", each.figure.parentNode.textContent);
      put(each.sub, sub);
      mark(each.sub, "title", sub || null);
      mark(each.node, "data-level", level);
      mark(each.node, "data-quiet", stopped && each.path ? "" : null);
      if (each.bar) each.bar.style.transform = `scaleX(${Math.max(0, Math.min(1, each.tile.meter(store) ?? 0)).toFixed(4)})`;
    }
  };

  const draw = () => {
    const ring = rings.get("", "15m");
    const venues = [...ring.series.keys()].filter((name) => name.startsWith("rate:"));
    for (const { path, tile } of tiles) {
      if (!path) continue;
      const curves = tile.curve.length ? tile.curve.map((name) => ring.get(name)) : stacked(venues.map((name) => ring.get(name))).slice(-1);
      const [low, high] = curves.map((values) => folded(values, POINTS));
      mark(path, "d", high ? bandPath(low, high, W, H) : sparkPath(low ?? [], W, H));
    }
  };

  let shown = 0;
  store.subscribe(["now", "look"], (changed) => {
    if (axis.paused || (!changed.has("look") && performance.now() - shown < SHOWN_MS)) return;
    shown = performance.now();
    paint();
  });
  store.on("history", () => store.touch("point"));
  store.subscribe(["point", "look"], () => { if (!axis.paused) draw(); });
}

function latency({ totals, meta, instruments, reasons }) {
  if (totals?.p50 == null && totals?.p99 == null) return { text: "–", unit: "", sub: t("tile-not-yet") };
  const worst = instruments[totals.worst_of], off = totals.p50 < 0 || reasons.some(({ code }) => /^(clock|skewed)/.test(code));
  return { text: `${plainMs(totals.p50)} / ${plainMs(totals.p99)}`, unit: "ms", sub: off ? t("tile-clock") : worst ? t("tile-worst", { name: worst.symbol, ms: plainMs(totals.worst) }) : "", level: off ? "warn" : totals.p99 > (meta?.threshold ?? Infinity) ? "bad" : null };
}

function incidents({ totals }) {
  if (!totals) return { text: "–", unit: "", sub: "" };
  const { incidents_open: open, incidents_today: today } = totals;
  if (today == null && !open) return { text: "–", unit: "", sub: t("tile-not-yet") };
  if (!today && open === 0) return { text: t("none"), unit: "", sub: t("tile-nothing-lost") };
  return { text: open ? t("tile-open", { count: count(open) }) : count(today), unit: open && today > open ? t("tile-of-today", { count: count(today) }) : "", sub: open !== 0 && !totals.missed && !totals.uncounted ? t("tile-not-yet") : lostText(totals.missed, totals.uncounted), level: open ? "bad" : null };
}

function todisk({ slow }) {
  const ticks = (slow?.venues ?? []).map((venue) => venue.tick_ms).filter((each) => each?.length === 3);
  if (!ticks.length) return { text: "–", unit: "", sub: t("tile-not-yet") };
  const [p50, p99, most] = [0, 1, 2].map((at) => Math.max(...ticks.map((each) => each[at])));
  return { text: plainMs(p99), unit: "ms p99", sub: t("tile-p50-most", { p50: plainMs(p50), most: plainMs(most) }) };
}

const used = (hardware) => (hardware?.disk_total ? 1 - hardware.disk_free / hardware.disk_total : null);

function disk({ slow, reasons }) {
  const hardware = slow?.hardware;
  if (hardware?.disk_free == null) return { text: "–", unit: "", sub: t("tile-not-yet") };
  const codes = reasons.map((reason) => reason.code).filter((code) => code.startsWith("disk-"));
  const level = codes.some((code) => code === "disk-full" || code === "disk-low") ? "bad" : codes.length ? "warn" : null;
  const [free, unit] = bytes(hardware.disk_free).split(" "), pace = hardware.own_bytes_per_day;
  const room = { text: free, unit: t("tile-free", { unit }), level };
  if (pace == null || hardware.reserve_in_s == null) return { ...room, sub: pace == null ? t("tile-days-later") : t("tile-pace", { pace: bytes(pace) }) };
  const days = hardware.reserve_in_s / 86400;
  if (days > 3650) return { ...room, sub: t("tile-years") };
  return { text: days >= 10 ? count(Math.floor(days)) : span(hardware.reserve_in_s), unit: t(days >= 10 ? "tile-days" : "tile-left"), sub: t("tile-free-pace", { free: `${free} ${unit}`, pace: bytes(pace) }), level };
}
