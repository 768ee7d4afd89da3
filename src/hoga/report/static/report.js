"use strict";
// Draws the curves, sorts and filters the tables. The facts are the page's own; without this every figure is there all the same.
(() => {
  const { lang, words, charts } = JSON.parse(document.getElementById("facts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const COLOURS = ["--c0", "--c1"];
  const make = (name, attributes, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const clock = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");
  // As much of a moment as the distance of an axis's marks needs.
  const moment = (ms, apart_s) => (apart_s >= 86400 ? clock(ms).slice(5, 10) : apart_s >= 60 ? (ms % 86400000 ? clock(ms).slice(11, 16) : clock(ms).slice(5, 10)) : clock(ms).slice(11, 19));
  const exact = (value, power) => (value == null ? "–" : value.toLocaleString(lang, { maximumFractionDigits: Math.min(12, Math.max(2, -power)) }));
  const short = (value) => (Math.abs(value) >= 1e6 ? value.toLocaleString(lang, { notation: "compact", maximumFractionDigits: 2 }) : value.toLocaleString(lang, { maximumSignificantDigits: 7 }));

  // -- curves -------------------------------------------------------------------------------------------------------

  function triangle(side) {
    return (u, at, first, last) => {
      const path = new Path2D(), size = (last - first > 400 ? 3 : 5) * devicePixelRatio, turn = side === "B" ? 1 : -1;
      for (let each = first; each <= last; each += 1) {
        const value = u.data[at][each];
        if (value == null) continue;
        const x = u.valToPos(u.data[0][each], "x", true), y = u.valToPos(value, "y", true);
        path.moveTo(x, y - turn * size);
        path.lineTo(x + size, y + turn * size);
        path.lineTo(x - size, y + turn * size);
        path.closePath();
      }
      return { fill: path, stroke: path };
    };
  }

  function dataOf(chart) {
    const unit = 10 ** chart.power;
    const tables = [...chart.curves, ...chart.marks].map((each) => [each.t.map((ms) => ms / 1000), each.v.map((value) => value * unit + (each.add ?? 0))]);
    return uPlot.join(tables.map(([times, values]) => { // joined by time: of one instant the last value stands
      const kept = new Map();
      times.forEach((time, at) => kept.set(time, values[at]));
      return [[...kept.keys()], [...kept.values()]];
    }));
  }

  function tell(drawn, index) {
    const { chart, u, output } = drawn;
    if (index == null) { output.textContent = ""; return; }
    const parts = chart.curves.map((curve, at) => {
      let back = index;
      while (back > 0 && u.data[at + 1][back] == null) back -= 1;
      return `${curve.label} ${exact(u.data[at + 1][back], chart.power)} ${chart.unit}`;
    });
    chart.marks.forEach((mark, at) => {
      const price = u.data[chart.curves.length + 1 + at][index];
      if (price == null) return;
      const own = mark.t.lastIndexOf(Math.round(u.data[0][index] * 1000));
      parts.push(`${mark.label} ${own < 0 ? "" : exact(mark.q[own] * 10 ** chart.sp, chart.sp)} @ ${exact(price, chart.power)}`);
    });
    output.textContent = `${clock(u.data[0][index] * 1000)} UTC: ${parts.join(", ")}`;
  }

  function draw(box) {
    const chart = charts[Number(box.dataset.chart)];
    const output = document.getElementById(`o${box.dataset.chart}`);
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const drawn = { chart, box, output, u: null, at: 0 };
    const lines = chart.curves.map((curve, at) => ({ label: curve.label, stroke: colour(COLOURS[at % 2]), width: 1.5, dash: at ? [5, 3] : [], spanGaps: true, points: { show: false } }));
    const marks = chart.marks.map((mark) => {
      const ink = colour(mark.side === "B" ? "--buy" : "--sell");
      return { label: mark.label, paths: () => null, stroke: ink, points: { show: true, size: 9, fill: ink, stroke: ink, width: 0, paths: triangle(mark.side) } };
    });
    drawn.u = new uPlot({
      width: box.clientWidth, height: 180, legend: { show: false }, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { y: false, sync: { key: "report", scales: ["x", null] }, points: { show: true, size: 6 } },
      scales: { x: { time: true } },
      axes: [{ ...axis, size: 24, values: (_, splits) => splits.map((at) => moment(at * 1000, splits[1] - splits[0])) }, { ...axis, size: 66, values: (_, splits) => splits.map(short) }],
      series: [{}, ...lines, ...marks],
      hooks: { setCursor: [(u) => { if (u.cursor.idx != null) drawn.at = u.cursor.idx; tell(drawn, u.cursor.idx); }] },
    }, dataOf(chart), box);
    return drawn;
  }

  function legend(at) {
    const chart = charts[at], keys = document.querySelector(`[data-keys="${at}"]`);
    if (chart.curves.length > 1) chart.curves.forEach((curve, number) => keys.append(make("i", { class: `k${number}` }), curve.label));
    chart.marks.forEach((mark) => keys.append(make("b", { class: mark.side === "B" ? "good" : "bad" }, mark.side === "B" ? "▲" : "▼"), mark.label));
    keys.querySelectorAll("i").forEach((key, number) => { key.style.background = `var(${COLOURS[number % 2]})`; });
  }

  function step(drawn, event) {
    const { u } = drawn, last = u.data[0].length - 1;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -Math.ceil(last / 20), PageDown: Math.ceil(last / 20), Home: -last, End: last }[event.key];
    if (by !== undefined) drawn.at = Math.max(0, Math.min(last, drawn.at + (event.shiftKey ? by * 10 : by)));
    else if (event.key === "+" || event.key === "=" || event.key === "-") {
      const { min, max } = u.scales.x, middle = u.data[0][drawn.at] ?? (min + max) / 2, half = ((max - min) / 2) * (event.key === "-" ? 2 : .5);
      u.setScale("x", { min: Math.max(u.data[0][0], middle - half), max: Math.min(u.data[0][last], middle + half) });
    } else if (event.key === "Escape") u.setScale("x", { min: u.data[0][0], max: u.data[0][last] });
    else return;
    event.preventDefault();
    u.setCursor({ left: u.valToPos(u.data[0][drawn.at], "x"), top: 10 });
    tell(drawn, drawn.at);
  }

  const boxes = [...document.querySelectorAll(".plot")];
  let shown = [];
  function drawAll() {
    shown.forEach((each) => each.u.destroy());
    shown = boxes.filter((box) => box.clientWidth).map(draw);
  }
  boxes.forEach((box, at) => {
    legend(Number(box.dataset.chart));
    box.addEventListener("keydown", (event) => { if (shown[at]) step(shown[at], event); });
  });
  drawAll();
  addEventListener("resize", () => shown.forEach(({ u, box }) => u.setSize({ width: box.clientWidth, height: 180 })));
  dark.addEventListener("change", drawAll);

  // -- tables --------------------------------------------------------------------------------------------------------

  const keyOf = (row, at) => { const cell = row.cells[at]; return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v); };
  document.querySelectorAll("table.data:not(.bars)").forEach((table) => {
    const body = table.tBodies[0];
    if (body.rows.length < 2) return;
    [...table.tHead.rows[0].cells].forEach((head, at) => {
      const button = make("button", { type: "button", title: `${words["sort-by"]} ${head.textContent}` }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
        [...table.tHead.rows[0].cells].forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [keyOf(row, at), row]);
        rows.sort(([one], [other]) => down * (typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other), lang)));
        body.append(...rows.map(([, row]) => row));
      });
    });
  });

  const filters = document.getElementById("filters");
  if (filters) {
    const rows = [...document.getElementById("t-trips").tBodies[0].rows], count = document.getElementById("count");
    const matches = (row, select) => {
      if (!select.value) return true;
      const cell = row.cells[Number(select.dataset.column)];
      return select.value === "won" ? Number(cell.dataset.v) > 0 : select.value === "lost" ? Number(cell.dataset.v) < 0 : cell.textContent === select.value;
    };
    const sift = () => {
      const selects = [...filters.querySelectorAll("select")];
      let left = 0;
      rows.forEach((row) => { row.hidden = !selects.every((select) => matches(row, select)); left += row.hidden ? 0 : 1; });
      count.textContent = `${left.toLocaleString(lang)} / ${rows.length.toLocaleString(lang)} ${words.shown}`;
    };
    filters.hidden = false;
    filters.addEventListener("change", sift);
    filters.addEventListener("submit", (event) => event.preventDefault());
    sift();
  }
})();
