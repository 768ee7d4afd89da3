// Six figures that say how it goes, each with the curve of the last minutes; a click leads to what is behind it.
import { make, mark, put } from "./dom.js";
import { bytes, count, plainMs, rate, share, span } from "./format.js";
import { t } from "./i18n.js";
import { leadTo } from "./layout.js";
import { lostText } from "./words.js";

const POINTS = 90;
const W = 120, H = 28;

// figure(store) → {text, unit, sub, level}; curve: names of the curves of the whole run that are drawn behind it, `log`: over decades.
const TILES = [
  { key: "rate", to: "charts", curve: ["rate"], figure: ({ totals }) => ({ text: rate(totals?.rate), unit: "/s", sub: totals ? t("tile-records", { count: count(totals.records) }) : "" }) },
  { key: "latency", to: "charts", curve: ["p50", "p99"], log: true, figure: latency },
  { key: "share", to: "today", meter: ({ totals }) => totals?.today, figure: ({ totals }) => ({ text: share(totals?.today), unit: "%", sub: totals?.day == null ? t("tile-not-yet") : t("tile-day", { share: share(totals.day) }) }) },
  { key: "incidents", to: "incidents", figure: incidents },
  { key: "todisk", to: "charts", curve: ["disk50", "disk99"], log: true, figure: todisk },
  { key: "disk", to: "machine", meter: ({ slow }) => used(slow?.hardware), figure: disk },
];

export function mountTiles(slot, store) {
  const curves = {};
  const tiles = TILES.map((tile) => {
    const node = make("button", { type: "button", class: "tile", "data-x": tile.key });
    const label = make("span", { class: "label cut" }), figure = make("span", { class: "figure" }), unit = make("span", { class: "unit" }), sub = make("span", { class: "sub cut" });
    node.append(label, make("span", { class: "value cut" }, figure, " ", unit), sub);
    let path = null, bar = null;
    if (tile.curve) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      for (const [name, value] of [["viewBox", `0 0 ${W} ${H}`], ["preserveAspectRatio", "none"], ["class", "spark"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
      path = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path"));
      node.append(svg);
    } else if (tile.meter) {
      bar = make("i");
      node.append(make("span", { class: "meter", "aria-hidden": "true" }, bar));
    }
    node.addEventListener("click", () => leadTo(tile.to));
    slot.append(node);
    return { ...tile, node, label, figure, unit, sub, path, bar };
  });

  const paint = () => {
    const stopped = document.documentElement.dataset.state === "stopped";
    for (const tile of tiles) {
      const { text, unit, sub, level } = tile.figure_(store);
      put(tile.label, t(`tile-${tile.key}`));
      put(tile.figure, text);
      put(tile.unit, text === "–" ? "" : unit);
      put(tile.sub, sub);
      mark(tile.sub, "title", sub || null);
      mark(tile.node, "data-level", level ?? null);
      mark(tile.node, "data-quiet", stopped && tile.curve ? "" : null);
      const part = tile.meter?.(store);
      if (tile.bar) tile.bar.style.transform = `scaleX(${part == null ? 0 : Math.max(0, Math.min(1, part)).toFixed(4)})`;
    }
  };

  const draw = () => {
    for (const tile of tiles) if (tile.path) mark(tile.path, "d", line(tile.curve.map((name) => curves[name] ?? []), tile.log));
  };

  store.on("history", (it) => {
    if (it.of !== "" || it.range !== "15m" || known(it.series.p50) + known(it.series.disk50) < known(curves.p50) + known(curves.disk50)) return; // one that has forgotten
    for (const name of ["p50", "p99", "disk50", "disk99"]) curves[name] = (it.series[name] ?? []).slice(-900);
    const venues = Object.keys(it.series).filter((name) => name.startsWith("rate:"));
    curves.rate = Array.from({ length: it.n }, (_, at) => venues.reduce((sum, name) => (it.series[name][at] == null ? sum : (sum ?? 0) + it.series[name][at]), null));
    store.touch("point");
  });
  store.on("point", (it) => {
    const whole = Object.keys(it).filter((name) => name.startsWith("rate:"));
    const fresh = { ...it, rate: whole.length ? whole.reduce((sum, name) => sum + (it[name] ?? 0), 0) : null };
    for (const name of ["rate", "p50", "p99", "disk50", "disk99"]) {
      const curve = (curves[name] ??= []);
      curve.push(fresh[name] ?? null);
      if (curve.length > 900) curve.shift();
    }
  });
  let run = "";
  store.on("meta", () => { if (run !== store.run) for (const name of Object.keys(curves)) delete curves[name]; run = store.run; });
  for (const tile of tiles) tile.figure_ = TILES.find((each) => each.key === tile.key).figure;
  let slow = 0;
  store.subscribe(["now", "look"], (changed) => { // ten times a second would be a flicker
    const now = performance.now();
    if (!changed.has("look") && now - slow < 450) return;
    slow = now;
    if (!document.documentElement.hasAttribute("data-paused")) paint();
  });
  store.subscribe(["point", "look"], () => { if (!document.documentElement.hasAttribute("data-paused")) draw(); });
}

function latency({ totals, meta, instruments }) {
  const p50 = totals?.p50 ?? totals?.median, p99 = totals?.p99_max != null ? totals.p99 : totals?.p99;
  if (p50 == null && p99 == null) return { text: "–", unit: "", sub: t("tile-not-yet") };
  const worst = instruments[totals.worst_of];
  return { text: `${plainMs(p50)} / ${plainMs(p99)}`, unit: "ms", sub: worst && instruments.length > 1 ? t("tile-worst", { name: worst.symbol, ms: plainMs(totals.worst) }) : t("tile-p50-p99"), level: p99 > (meta?.threshold ?? Infinity) ? "bad" : null };
}

function incidents({ totals }) {
  const open = totals?.incidents_open ?? 0, today = totals?.incidents_today ?? totals?.incidents;
  if (today == null) return { text: "–", unit: "", sub: "" };
  if (!today && !open) return { text: t("none"), unit: "", sub: t("tile-nothing-lost") };
  return { text: open ? t("tile-open", { count: count(open) }) : count(today), unit: open && today > open ? t("tile-of-today", { count: count(today) }) : "", sub: totals.missed == null ? "" : lostText(totals.missed, totals.uncounted), level: open ? "bad" : null };
}

function todisk({ slow }) {
  const ticks = (slow?.venues ?? []).map((venue) => venue.tick_ms).filter((each) => each?.length === 3);
  if (!ticks.length) return { text: "–", unit: "", sub: t("tile-not-yet") };
  const [p50, p99, most] = [0, 1, 2].map((at) => Math.max(...ticks.map((each) => each[at])));
  return { text: plainMs(p99), unit: "ms p99", sub: t("tile-p50-most", { p50: plainMs(p50), most: plainMs(most) }) };
}

const used = (hardware) => (hardware?.disk_total ? 1 - hardware.disk_free / hardware.disk_total : null);

function disk({ slow, meta, reasons }) {
  const hardware = slow?.hardware;
  if (hardware?.disk_free == null) return { text: "–", unit: "", sub: t("tile-not-yet") };
  const level = reasons.some((reason) => reason.code === "disk-full" || reason.code === "disk-low") ? "bad" : reasons.some((reason) => reason.code.startsWith("disk-")) ? "warn" : null;
  const [free, unit] = bytes(hardware.disk_free).split(" ");
  if (hardware.own_bytes_per_day == null || hardware.reserve_in_s == null) return { text: free, unit: t("tile-free", { unit }), sub: hardware.own_bytes_per_day == null ? t("tile-days-later") : t("tile-pace", { pace: bytes(hardware.own_bytes_per_day) }), level };
  const days = hardware.reserve_in_s / 86400;
  return days > 3650 ? { text: free, unit: t("tile-free", { unit }), sub: t("tile-years"), level } : { text: days >= 10 ? count(Math.floor(days)) : span(hardware.reserve_in_s), unit: t(days >= 10 ? "tile-days" : "tile-left"), sub: t("tile-free-pace", { free: `${free} ${unit}`, pace: bytes(hardware.own_bytes_per_day) }), level };
}

const known = (curve) => (curve ?? []).reduce((sum, value) => sum + (value != null), 0);

// One path through the newest points; of two curves the band between them.
function line(curves, log) {
  const count = Math.min(900, Math.max(...curves.map((curve) => curve.length)));
  if (count < 2) return "";
  const fold = Math.max(1, Math.ceil(count / POINTS));
  const parts = curves.map((curve) => {
    const points = [];
    for (let at = curve.length - (curve.length % fold || fold); at >= 0; at -= fold) {
      let most = null;
      for (let k = at; k < Math.min(curve.length, at + fold); k += 1) if (curve[k] != null && (most == null || curve[k] > most)) most = curve[k];
      points.unshift(most);
    }
    return points;
  });
  const known = parts.flat().filter((value) => value != null && (!log || value > 0));
  if (!known.length) return "";
  const scale = log ? (value) => Math.log10(Math.max(1e-3, value)) : (value) => value;
  const high = scale(Math.max(...known)), low = log ? Math.min(scale(Math.min(...known)), high - 0.6) : 0;
  const size = parts[0].length;
  const place = (value, at) => `${((at / Math.max(1, size - 1)) * W).toFixed(1)},${(H - 2 - ((scale(value) - low) / (high - low || 1)) * (H - 4)).toFixed(1)}`;
  if (parts.length === 1) return strokes(parts[0].map((value, at) => (value == null ? null : place(value, at))));
  const both = parts[0].map((value, at) => (value == null || parts[1][at] == null ? null : [place(value, at), place(parts[1][at], at)]));
  const runs = [];
  let run = [];
  for (const each of [...both, null]) { if (each) run.push(each); else if (run.length) { runs.push(run); run = []; } }
  return runs.map((each) => `M${each.map((pair) => pair[1]).join("L")}L${each.map((pair) => pair[0]).reverse().join("L")}Z`).join("");
}

function strokes(points) {
  let text = "", drawing = false;
  for (const point of points) { text += point == null ? "" : `${drawing ? "L" : "M"}${point}`; drawing = point != null; }
  return text;
}
