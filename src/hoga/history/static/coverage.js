"use strict";
// Opens days: the minutes of one, and what is missing in them. The facts are the page's own.
(() => {
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const drill = document.getElementById("drill");
  const buttons = [...document.querySelectorAll("#calendar button")];
  const LEFT = 44, TOP = 18, HOURS = 24;
  const words = facts.words;
  let shown = null;

  const make = (name, attributes, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const two = (number) => String(number).padStart(2, "0");
  const clock = (minute) => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

  const signsOf = (runs) => runs.replace(/(\d+)(\D)/g, (_, count, sign) => sign.repeat(Number(count)));

  const lasting = (ms) => (ms < 1000 ? `${ms.toFixed(0)} ms` : ms < 120000 ? `${(ms / 1000).toFixed(1)} s` : ms < 7200000 ? `${(ms / 60000).toFixed(1)} min` : `${(ms / 3600000).toFixed(1)} h`);

  function holesOf(series, startMs, endMs) {
    return series.holes.filter((hole) => hole.from_ns / 1e6 < endMs && hole.to_ns / 1e6 >= startMs && (hole.to_ns / 1e6 > startMs || hole.from_ns === hole.to_ns));
  }

  function open(button) {
    const series = facts.series[Number(button.dataset.s)];
    const day = series.days.find((each) => each.day === button.dataset.d);
    const startMs = Date.parse(`${day.day}T00:00:00Z`);
    shown = { series, day, startMs, signs: signsOf(day.minutes), minute: 0 };
    buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
    const title = make("h2", {}, `${words.minutes} ${series.symbol} `, make("small", {}, `${series.venue} · ${series.kind} · ${day.day} · ${day.state}`));
    const close = make("button", { type: "button" }, words.close);
    close.addEventListener("click", () => { drill.hidden = true; buttons.forEach((each) => each.setAttribute("aria-pressed", "false")); button.focus(); });
    const canvas = make("canvas", { id: "minutes", role: "img", tabindex: "0", "aria-label": `${words.minutes} ${series.symbol} ${day.day}`, "aria-describedby": "minute" });
    const told = make("output", { id: "minute" });
    const rows = holesOf(series, startMs, startMs + 86400000).slice(0, 1000).map((hole) => make("tr", {},
      make("td", {}, new Date(hole.from_ns / 1e6).toISOString().slice(11, 23)), make("td", {}, lasting((hole.to_ns - hole.from_ns) / 1e6)),
      make("td", {}, (facts.reasons[hole.reason] ?? hole.reason) + (hole.detail ? `: ${hole.detail}` : "")), make("td", {}, hole.missed == null ? words.uncountable : String(hole.missed))));
    const heads = ["from", "lasted", "reason", "missed"].map((key) => make("th", { scope: "col" }, words[key]));
    const table = make("div", { class: "scroll short", tabindex: "0" }, make("table", { class: "data" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)));
    drill.replaceChildren(make("div", { class: "head" }, title, close), canvas, told, ...(rows.length ? [table] : []));
    drill.hidden = false;
    canvas.addEventListener("pointermove", (event) => point(canvas, event));
    canvas.addEventListener("keydown", (event) => step(event));
    draw();
    tell();
    drill.scrollIntoView({ block: "nearest" });
  }

  function draw() {
    const canvas = document.getElementById("minutes");
    if (!canvas || !shown) return;
    const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
    const paint = canvas.getContext("2d");
    paint.scale(ratio, ratio);
    const wide = (box.width - LEFT) / 60, high = (box.height - TOP) / HOURS;
    paint.font = "11px system-ui, sans-serif";
    paint.fillStyle = colour("--soft");
    for (let minute = 0; minute < 60; minute += 10) paint.fillText(`:${two(minute)}`, LEFT + minute * wide, 12);
    for (let hour = 0; hour < HOURS; hour += 1) paint.fillText(`${two(hour)}:00`, 4, TOP + hour * high + high - 3);
    const shades = { p: "--good", u: "--half", h: "--bad", m: "--bad", ".": "--bad", t: "--empty" };
    for (let at = 0; at < 1440; at += 1) {
      const sign = shown.signs[at] ?? "t";
      const x = LEFT + (at % 60) * wide, y = TOP + Math.floor(at / 60) * high;
      paint.fillStyle = colour("--empty");
      paint.fillRect(x, y, wide - 1, high - 1);
      paint.fillStyle = colour(shades[sign]);
      const low = sign === "u" ? .5 : sign === "h" ? .4 : sign === "." ? .15 : 1;  // heights tell the states apart without colours
      if (sign === "h") { paint.fillStyle = colour("--good"); paint.fillRect(x, y, wide - 1, high - 1); paint.fillStyle = colour("--bad"); }
      paint.fillRect(x, y + (high - 1) * (1 - low), wide - 1, (high - 1) * low);
    }
    paint.strokeStyle = colour("--accent");
    paint.lineWidth = 2;
    paint.strokeRect(LEFT + (shown.minute % 60) * wide - 1, TOP + Math.floor(shown.minute / 60) * high - 1, wide + 1, high + 1);
  }

  function tell() {
    const from = shown.startMs + shown.minute * 60000;
    const reasons = holesOf(shown.series, from, from + 60000).map((hole) => facts.reasons[hole.reason] ?? hole.reason);
    document.getElementById("minute").textContent = `${clock(shown.minute)} UTC: ${words[shown.signs[shown.minute] ?? "t"]}${reasons.length ? ` (${[...new Set(reasons)].join(", ")})` : ""}`;
  }

  function point(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const minute = Math.floor((event.clientX - box.left - LEFT) / ((box.width - LEFT) / 60)), hour = Math.floor((event.clientY - box.top - TOP) / ((box.height - TOP) / HOURS));
    if (minute < 0 || minute > 59 || hour < 0 || hour > 23) return;
    shown.minute = hour * 60 + minute;
    draw();
    tell();
  }

  function step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -60, ArrowDown: 60 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    shown.minute = Math.max(0, Math.min(1439, shown.minute + by));
    draw();
    tell();
  }

  buttons.forEach((button) => {
    button.addEventListener("click", () => open(button));
    button.addEventListener("keydown", (event) => {
      const cell = button.closest("td");
      const at = [...cell.parentNode.children].indexOf(cell);
      const next = event.key === "ArrowLeft" ? cell.previousElementSibling : event.key === "ArrowRight" ? cell.nextElementSibling
        : event.key === "ArrowUp" ? cell.parentNode.previousElementSibling?.children[at] : event.key === "ArrowDown" ? cell.parentNode.nextElementSibling?.children[at] : null;
      const target = next?.querySelector("button");
      if (target) { event.preventDefault(); target.focus(); }
    });
  });
  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
