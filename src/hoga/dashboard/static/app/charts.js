// The curves. New points come once a second; one chart is drawn per frame, so that none of them delays the others, and
// those that are out of sight wait until they come into it.
import { make, put } from "./dom.js";
import { t } from "./i18n.js";
import { isDark, isLocal } from "./view.js";

const COLOURS = ["#1d7fd6", "#d9730d", "#8e4ec6"];
const number = (value) => (value == null ? "–" : Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 1 ? 1 : 2));

export class Charts {
  constructor(box, specs, onSight) {
    this.queue = [];
    this.charts = specs.map((spec) => {
      const title = make("b");
      const labels = spec.curves.map((_, at) => make("span", { class: `s${at}` }));
      const plot = make("div", { class: "plot" });
      box.append(make("figure", {}, make("figcaption", {}, title, ...labels), plot));
      return { spec, title, labels, plot, u: null, width: 0, seen: false };
    });
    this.sight = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const chart = this.charts.find((each) => each.plot === entry.target);
        chart.seen = entry.isIntersecting;
        if (chart.seen && !this.queue.includes(chart)) this.queue.push(chart);
      }
      onSight();
    }, { rootMargin: "200px" });
    for (const chart of this.charts) this.sight.observe(chart.plot);
    this.observer = new ResizeObserver(() => { for (const chart of this.charts) chart.width = 0; this.wanted(); onSight(); });
    this.observer.observe(box);
  }

  wanted() { this.queue = this.charts.filter((chart) => chart.seen); }

  rebuild() {
    for (const chart of this.charts) { chart.u?.destroy(); chart.u = null; }
    this.wanted();
  }

  // Draw one chart that waits. Returns whether more are waiting.
  paint(history) {
    const chart = this.queue.shift();
    if (!chart) return false;
    const data = [history.t, ...chart.spec.curves.map((curve) => {
      const values = history[curve.key] ?? [];
      return curve.scale ? values.map((value) => (value == null ? null : value * curve.scale)) : values;
    })];
    put(chart.title, t(chart.spec.title));
    chart.spec.curves.forEach((curve, at) => {
      const label = chart.labels[at];
      if (!label.firstChild) label.append(make("i"), document.createTextNode(""));
      const values = data[at + 1];
      const text = `${t(curve.label)} ${number(values[values.length - 1])}`;
      if (label.lastChild.nodeValue !== text) label.lastChild.nodeValue = text;
    });
    if (!chart.width) chart.width = chart.plot.clientWidth;
    if (!chart.width) return this.queue.length > 0;
    if (!chart.u) chart.u = this.build(chart, data);
    else {
      if (chart.u.width !== chart.width) chart.u.setSize({ width: chart.width, height: 130 });
      chart.u.setData(data);
    }
    return this.queue.length > 0;
  }

  build(chart, data) {
    const ink = isDark() ? "#a3b1be" : "#52606d";
    const grid = { stroke: isDark() ? "#243039" : "#e3e8ed", width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "11px system-ui" };
    return new uPlot({
      width: chart.width,
      height: 130,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      tzDate: (seconds) => (isLocal() ? new Date(seconds * 1000) : uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC")),
      scales: { y: { range: (_, low, high) => (low == null ? [0, 1] : [Math.min(0, low), high > Math.min(0, low) ? high + (high - Math.min(0, low)) * 0.08 : 1]) } },
      axes: [{ ...axis, size: 24, values: (_, splits) => splits.map((at) => uPlot.fmtDate(splits[1] - splits[0] < 60 ? "{mm}:{ss}" : "{HH}:{mm}")(isLocal() ? new Date(at * 1000) : uPlot.tzDate(new Date(at * 1000), "Etc/UTC"))) }, { ...axis, size: 46, values: (_, splits) => splits.map((value) => (value >= 1000 ? `${value / 1000}k` : String(value))) }],
      series: [{}, ...chart.spec.curves.map((_, at) => ({ stroke: COLOURS[at], width: 1.5, points: { show: false }, spanGaps: false }))],
    }, data, chart.plot);
  }
}
