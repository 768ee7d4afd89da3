// An archive around an instant. Times are BigInt nanoseconds; what is drawn lies within one window, where plain numbers do.
import { WORDS } from "./view-words.js";

const byId = (id) => document.getElementById(id);
const SPANS = [2, 10, 60, 300, 1800];
const MINUTE = 60_000_000_000n, DAY = 1440n * MINUTE;
const LEFT = 0, RIGHT = 62, BOTTOM = 18;
const state = { names: {}, name: "", kind: "", days: [], minutes: {}, askedDay: 0, first: 0n, last: 0n, t: 0n, span: 60, lang: "en", book: null, window: null };
let words = WORDS.en;
const t = (key) => words[key] ?? key;

const make = (name, attributes, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) if (value != null) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const two = (number) => String(number).padStart(2, "0");
const floorDay = (ns) => ns - (ns % DAY);
const isoOf = (ns, digits = 9) => {
  const text = new Date(Number(ns / 1_000_000n)).toISOString();
  return `${text.slice(0, 19)}.${String(ns % 1_000_000_000n).padStart(9, "0").slice(0, digits)}Z`;
};
const clockOf = (ns, digits = 3) => isoOf(ns, digits).slice(11, -1);
const nsOf = (text) => {
  const hit = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?Z?$/.exec(text.trim());
  const at = hit && Date.parse(`${hit[1]}T${hit[2] ?? "00:00"}:${hit[3] ?? "00"}Z`);
  return at == null || Number.isNaN(at) ? null : BigInt(at) * 1_000_000n + BigInt((hit[4] ?? "").padEnd(9, "0"));
};
const lasting = (ns) => (ns < 1e9 ? `${(ns / 1e6).toPrecision(3)} ms` : ns < 120e9 ? `${(ns / 1e9).toPrecision(3)} s` : ns < 7200e9 ? `${(ns / 60e9).toPrecision(3)} min` : `${(ns / 3600e9).toPrecision(3)} h`);
const plain = (number) => (Math.abs(number) >= 1e-6 || number === 0 ? String(Number(number.toPrecision(12))) : number.toFixed(12).replace(/0+$/, ""));
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const half = () => BigInt(state.span) * 500_000_000n;

// -- asking ------------------------------------------------------------------------------------------------------------

async function ask(path, parameters, read) {
  const answer = await fetch(`${path}?${new URLSearchParams(parameters)}`);
  if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.error ?? `${answer.status} ${answer.statusText}`);
  return read(answer);
}

/** One question of a kind at a time; of those that come meanwhile only the last is asked. */
function latest(work) {
  let running = false, waiting = null;
  return async (...given) => {
    if (running) { waiting = given; return; }
    running = true;
    for (let now = given; now; now = waiting) {
      waiting = null;
      try { await work(...now); trouble(""); } catch (fault) { trouble(fault.message); }
      if (waiting === now) break;
    }
    running = false;
  };
}

function trouble(text) {
  byId("trouble").hidden = !text;
  if (text) byId("trouble").textContent = `✕ ${text}`;
}

const lookAtBook = latest(async (step) => {
  if (!state.kind) return;
  const began = performance.now();
  const found = await ask("/api/book", { name: state.name, kind: state.kind, t: state.t, ...(step ? { step } : {}) }, (answer) => answer.json());
  if (found.t == null) return;
  if (step) state.t = BigInt(found.t);  // else somebody may have gone on meanwhile, and that is asked for next
  state.book = found.book;
  paintBook();
  requestAnimationFrame(() => { document.documentElement.dataset.seekMs = (performance.now() - began).toFixed(1); });
  settle();
  lookAtWindow(false);
});

const lookAtWindow = latest(async (anew) => {
  const shown = state.window;
  const near = shown && shown.name === state.name && shown.kind === state.kind && shown.span === state.span
    && state.t >= shown.from + half() / 5n && state.t <= shown.to - half() / 5n;
  if (!anew && near) { paintDepth(); paintTrades(); return; }
  const from = state.t - half(), to = state.t + half(), box = byId("depth").getBoundingClientRect();
  const columns = Math.max(60, Math.min(1200, Math.round(box.width - LEFT - RIGHT))), rows = Math.max(40, Math.min(400, Math.round((box.height - BOTTOM) / 2)));
  state.window = await ask("/api/window", { name: state.name, kind: state.kind, from, to, columns, rows }, async (answer) => {
    const bytes = await answer.arrayBuffer(), size = new DataView(bytes).getUint32(0, true);
    const told = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, size)));
    const cells = told.depth && new Int8Array(bytes, 4 + size, told.depth.columns * told.depth.rows);
    const best = told.depth && new Float64Array(bytes.slice(4 + size + cells.length));
    return { ...told, cells, best, from: BigInt(told.from), to: BigInt(told.to), name: state.name, kind: state.kind, span: state.span };
  });
  paintDepth();
  paintTrades();
  paintGaps();
});

async function lookAtInstrument() {
  const found = await ask("/api/instrument", { name: state.name }, (answer) => answer.json());
  state.days = found.days;
  state.first = BigInt(found.first ?? 0);
  state.last = BigInt(found.last ?? 0);
  state.minutes = {};
  byId("day").replaceChildren(...state.days.map((each) => make("option", { value: each }, each)));
}

/** The minutes of the day that is shown; a day that may still grow is asked for again when it is come back to. */
const lookAtDay = latest(async (name, day) => {
  const known = state.minutes[day];
  if (known && (!known.includes("t") || performance.now() - state.askedDay < 10_000)) return;
  state.askedDay = performance.now();
  const found = await ask("/api/day", { name, day }, (answer) => answer.json());
  if (name === state.name) { state.minutes[day] = found.minutes; paintStrip(); }
});

// -- moving ------------------------------------------------------------------------------------------------------------

function seek(ns, { anew = false } = {}) {
  state.t = ns;
  settle();
  lookAtBook();
  lookAtWindow(anew);
}

/** What says where we are: the field, the day, the address, the strip. */
function settle() {
  const text = isoOf(state.t);
  byId("moment").value = text;
  byId("moment").removeAttribute("aria-invalid");
  byId("day").value = text.slice(0, 10);
  const place = `#${new URLSearchParams({ name: state.name, kind: state.kind, t: text, span: state.span, lang: state.lang })}`;
  history.replaceState(null, "", place);
  byId("link").href = place;
  byId("export").href = `/api/export?${new URLSearchParams({ name: state.name, from: state.t - half(), to: state.t + half() })}`;
  paintStrip();
  if (state.days.includes(text.slice(0, 10))) lookAtDay(state.name, text.slice(0, 10));
}

async function choose(name, kind, ns) {
  state.name = name;
  const kinds = state.names[name] ?? [];
  const books = kinds.filter((each) => each.startsWith("orderbook"));
  byId("kind").replaceChildren(...books.map((each) => make("option", { value: each }, each)));
  byId("kind").parentElement.hidden = books.length < 2;
  state.kind = books.includes(kind) ? kind : books[0] ?? "";
  byId("name").value = name;
  if (state.kind) byId("kind").value = state.kind;
  state.book = state.window = null;
  try { await lookAtInstrument(); } catch (fault) { trouble(fault.message); return; }
  seek(ns ?? state.last, { anew: true });
}

// -- drawing -----------------------------------------------------------------------------------------------------------

function paper(canvas) {
  const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  const wide = Math.round(box.width * ratio), high = Math.round(box.height * ratio);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  const paint = canvas.getContext("2d");
  paint.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint.clearRect(0, 0, box.width, box.height);
  return [paint, box.width, box.height];
}

function paintStrip() {
  const canvas = byId("strip"), [paint, wide, high] = paper(canvas);
  const start = floorDay(state.t), day = isoOf(start).slice(0, 10);
  const base = high - 16;
  paint.fillStyle = colour("--grid");
  paint.fillRect(0, 0, wide, base);
  let minute = 0;
  for (const [, count, sign] of (state.minutes[day] ?? "").matchAll(/(\d+)(\D)/g)) {
    const x = (minute / 1440) * wide, width = Math.max(1, (Number(count) / 1440) * wide);
    minute += Number(count);
    if (sign === "t" || sign === ".") continue;
    paint.fillStyle = colour(sign === "p" || sign === "u" ? "--good" : "--bad");
    const top = sign === "u" ? base / 2 : sign === "h" ? base * .4 : 0;
    if (sign === "h") { paint.fillStyle = colour("--good"); paint.fillRect(x, 0, width, base); paint.fillStyle = colour("--bad"); }
    paint.fillRect(x, top, width, base - top);
  }
  paint.fillStyle = colour("--soft");
  paint.font = "11px system-ui, sans-serif";
  for (let hour = 0; hour < 24; hour += wide < 600 ? 6 : 2) paint.fillText(`${two(hour)}:00`, (hour / 24) * wide + 2, high - 3);
  const x = (Number(state.t - start) / Number(DAY)) * wide;
  paint.fillStyle = colour("--accent");
  paint.fillRect(Math.round(x) - 1, 0, 3, base + 4);
  canvas.setAttribute("aria-label", `${t("day")}: ${state.name} ${isoOf(start).slice(0, 10)}`);
  canvas.setAttribute("aria-valuemin", "0");
  canvas.setAttribute("aria-valuemax", "86400");
  canvas.setAttribute("aria-valuenow", String(Number((state.t - start) / 1_000_000_000n)));
  canvas.setAttribute("aria-valuetext", clockOf(state.t));
}

function paintBook() {
  const { book } = state, body = document.querySelector("#ladder tbody"), told = byId("book-text");
  told.toggleAttribute("data-none", !book && Boolean(state.kind));
  if (!book) {
    told.textContent = state.kind ? `✕ ${t("no-book")}` : t("no-books");
    body.replaceChildren();
    return;
  }
  const age = Number(state.t - BigInt(book.recv_ns));
  told.textContent = `${t("received")} ${clockOf(BigInt(book.recv_ns), 9)}${age ? ` (${lasting(age)} ${t("before")})` : ""}${book.update_id == null ? "" : ` · ${t("id")} ${book.update_id}`}`;
  const most = Math.max(...book.bids.map((each) => each[1]), ...book.asks.map((each) => each[1]), 0);
  const row = (side) => ([price, size]) => {
    const bar = make("i", { "aria-hidden": "true" });
    bar.style.transform = `scaleX(${most ? (size / most).toFixed(3) : 0})`;
    return make("tr", { class: side }, make("td", {}, make("b", {}, plain(price))), make("td", {}, bar, make("b", {}, plain(size))));
  };
  const spread = book.asks.length && book.bids.length ? plain(Number((book.asks[0][0] - book.bids[0][0]).toFixed(10))) : "–";
  body.replaceChildren(...book.asks.map(row("ask")).reverse(), make("tr", { class: "mid" }, make("td", { colspan: "2" }, `${t("spread")} ${spread}`)), ...book.bids.map(row("bid")));
}

function shades() {
  return document.documentElement.dataset.colours === "korea" ? { bid: [255, 110, 100], ask: [110, 170, 255] } : { bid: [70, 210, 140], ask: [255, 110, 100] };
}

function paintDepth() {
  const canvas = byId("depth"), [paint, wide, high] = paper(canvas), shown = state.window;
  paint.fillStyle = "#0b1015";
  paint.fillRect(0, 0, wide, high);
  if (!shown) return;
  const width = wide - LEFT - RIGHT, height = high - BOTTOM, whole = Number(shown.to - shown.from);
  const xOf = (ns) => LEFT + (Number(ns - shown.from) / whole) * width;
  let yOf = null;
  const tone = shades();
  if (shown.depth) {
    const { columns, rows, low, step } = shown.depth;
    const image = new ImageData(columns, rows);
    for (let column = 0; column < columns; column += 1) for (let row = 0; row < rows; row += 1) {
      const cell = shown.cells[column * rows + row], at = ((rows - 1 - row) * columns + column) * 4;
      const [red, green, blue] = cell < 0 ? tone.bid : tone.ask;
      image.data[at] = red; image.data[at + 1] = green; image.data[at + 2] = blue; image.data[at + 3] = cell ? 30 + Math.round((Math.abs(cell) / 127) * 225) : 0;
    }
    const sheet = new OffscreenCanvas(columns, rows);
    sheet.getContext("2d").putImageData(image, 0, 0);
    paint.imageSmoothingEnabled = false;
    paint.drawImage(sheet, LEFT, 0, width, height);
    yOf = (price) => height - ((price - low) / (step * rows)) * height;
    paint.strokeStyle = "#ffffff";
    paint.lineWidth = 1;
    for (const side of [0, 1]) {
      paint.beginPath();
      let down = false;
      for (let column = 0; column < columns; column += 1) {
        const price = shown.best[column * 2 + side];
        if (Number.isNaN(price)) { down = false; continue; }
        const x = LEFT + ((column + .5) / columns) * width;
        if (down) paint.lineTo(x, yOf(price)); else paint.moveTo(x, yOf(price));
        down = true;
      }
      paint.stroke();
    }
    paint.fillStyle = "#c8d2dc";
    paint.font = "11px system-ui, sans-serif";
    const digits = Math.max(0, Math.min(8, Math.ceil(-Math.log10(step * rows / 10))));
    for (let line = 0; line <= 6; line += 1) {
      const y = 10 + (line / 6) * (height - 14);
      paint.fillText((low + step * rows * (1 - y / height)).toFixed(digits), LEFT + width + 4, y + 4);
    }
  }
  for (const gap of shown.gaps) {
    const from = Math.max(LEFT, xOf(BigInt(gap.from))), to = Math.min(LEFT + width, xOf(BigInt(gap.to)));
    paint.fillStyle = "rgba(255,110,100,.22)";
    paint.fillRect(from, 0, Math.max(2, to - from), height);
    paint.fillStyle = "#ff8f85";
    paint.font = "11px system-ui, sans-serif";
    if (to - from > 60) paint.fillText(t(`r-${gap.reason}`), from + 4, 14);
  }
  if (yOf) {
    const most = Math.max(...shown.trades.map((each) => each[2]), 0);
    for (const [offset, price, size, side] of shown.trades) {
      const x = LEFT + (offset / whole) * width, radius = 1.5 + 5 * Math.sqrt(size / (most || 1));
      paint.beginPath();
      paint.arc(x, yOf(price), radius, 0, 7);
      paint.fillStyle = side > 0 ? `rgba(${tone.bid},.9)` : `rgba(${tone.ask},.9)`;
      paint.fill();
      paint.strokeStyle = "#0b1015";
      paint.stroke();
    }
  }
  paint.fillStyle = "#c8d2dc";
  const marks = width > 600 ? 6 : 3;
  for (let line = 0; line < marks; line += 1) paint.fillText(clockOf(shown.from + (BigInt(line) * (shown.to - shown.from)) / BigInt(marks), state.span < 60 ? 3 : 0).replace(/\.$/, ""), LEFT + (line / marks) * width + 2, high - 4);
  const x = Math.round(xOf(state.t));
  paint.fillStyle = "#7ab8ff";
  paint.fillRect(x, 0, 2, height);
  canvas.setAttribute("aria-label", `${t("depth")}: ${state.name}, ${clockOf(shown.from)} – ${clockOf(shown.to)}`);
  byId("depth-text").textContent = shown.depth ? `${shown.depth.books} ${t("books")} · ${t("brightest")} ${plain(Number(shown.depth.largest.toPrecision(4)))}` : t("no-depth");
}

function paintTrades() {
  const shown = state.window;
  if (!shown) return;
  const at = Number(state.t - shown.from);
  const before = shown.trades.filter((each) => each[0] <= at);
  const near = [...before.slice(-40), ...shown.trades.slice(before.length, before.length + 20)].reverse();
  byId("trade-count").textContent = shown.trade_count > shown.trades.length ? `${shown.trade_count} (${t("largest")} ${shown.trades.length})` : String(shown.trade_count);
  byId("trades").replaceChildren(...near.map((each) => make("tr", { "data-now": each === before[before.length - 1] ? "" : null },
    make("td", {}, clockOf(shown.from + BigInt(each[0]), 6)), make("td", { class: "n" }, plain(each[1])), make("td", { class: "n" }, plain(each[2])),
    make("td", { class: each[3] > 0 ? "buy" : "sell" }, each[3] > 0 ? `▲ ${t("bought")}` : `▼ ${t("sold")}`))));
  const now = document.querySelector("#trades tr[data-now]"), box = now?.closest(".scroll");
  if (box) box.scrollTop = now.offsetTop - box.clientHeight / 2;
}

function paintGaps() {
  const { gaps } = state.window;
  byId("gaps").replaceChildren(...(gaps.length ? gaps.map((gap) => make("tr", {}, make("td", {}, clockOf(BigInt(gap.from))), make("td", {}, lasting(Number(BigInt(gap.to) - BigInt(gap.from)))),
    make("td", {}, gap.kind), make("td", {}, t(`r-${gap.reason}`)), make("td", {}, gap.missed == null ? t("uncountable") : String(gap.missed)))) : [make("tr", {}, make("td", { colspan: "5" }, t("none")))]));
}

function paintWords() {
  words = WORDS[state.lang];
  document.documentElement.lang = state.lang;
  document.documentElement.toggleAttribute("data-dark", matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.colours = state.lang === "ko" ? "korea" : "west";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  byId("back").setAttribute("aria-label", t("back"));
  byId("ahead").setAttribute("aria-label", t("ahead"));
  byId("span").replaceChildren(...SPANS.map((each) => make("option", { value: each }, each < 60 ? `${each} s` : `${each / 60} min`)));
  byId("span").value = String(state.span);
  byId("lang").value = state.lang;
  paintStrip();
  paintBook();
  paintDepth();
  if (state.window) { paintTrades(); paintGaps(); }
}

// -- what people do ----------------------------------------------------------------------------------------------------

function drag(canvas, begin) {
  canvas.addEventListener("pointerdown", (down) => {
    if (down.button) return;
    const move = begin(down);
    canvas.setPointerCapture(down.pointerId);
    const moved = (event) => move(event);
    const done = () => { canvas.removeEventListener("pointermove", moved); canvas.removeEventListener("pointerup", done); canvas.removeEventListener("pointercancel", done); };
    canvas.addEventListener("pointermove", moved);
    canvas.addEventListener("pointerup", done);
    canvas.addEventListener("pointercancel", done);
  });
}

function onKey(event) {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const far = { PageUp: -1n, PageDown: 1n }[event.key];
  if (by && event.shiftKey) seek(state.t + BigInt(by) * 1_000_000_000n);
  else if (by && state.kind) lookAtBook(by);
  else if (far) seek(state.t + far * half() * 2n, { anew: true });
  else if (event.key === "Home") seek(state.first, { anew: true });
  else if (event.key === "End") seek(state.last, { anew: true });
  else return;
  event.preventDefault();
}

function listen() {
  drag(byId("strip"), (down) => {
    const start = floorDay(state.t);
    const move = (event) => {
      const box = byId("strip").getBoundingClientRect();
      const share = Math.max(0, Math.min(.9999999, (event.clientX - box.left) / box.width));
      seek(start + BigInt(Math.round(share * 86_400_000)) * 1_000_000n);
    };
    move(down);
    return move;
  });
  drag(byId("depth"), (down) => {
    const box = byId("depth").getBoundingClientRect(), from = state.t, width = box.width - LEFT - RIGHT;
    let moved = false;
    const clicked = () => state.window && seek(state.window.from + BigInt(Math.round(((down.clientX - box.left - LEFT) / width) * Number(state.window.to - state.window.from))));
    byId("depth").addEventListener("pointerup", () => { if (!moved) clicked(); }, { once: true });
    return (event) => {
      if (!moved && Math.abs(event.clientX - down.clientX) < 4) return;
      moved = true;
      seek(from - BigInt(Math.round(((event.clientX - down.clientX) / width) * state.span * 1e9)), { anew: true });
    };
  });
  byId("depth").addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = SPANS.indexOf(state.span) + Math.sign(event.deltaY);
    if (SPANS[at]) { state.span = SPANS[at]; byId("span").value = String(state.span); seek(state.t, { anew: true }); }
  }, { passive: false });
  byId("name").addEventListener("change", (event) => choose(event.target.value, state.kind, null));
  byId("kind").addEventListener("change", (event) => { state.kind = event.target.value; seek(state.t, { anew: true }); });
  byId("day").addEventListener("change", (event) => seek(nsOf(event.target.value) + (state.t % DAY), { anew: true }));
  byId("span").addEventListener("change", (event) => { state.span = Number(event.target.value); seek(state.t, { anew: true }); });
  byId("lang").addEventListener("change", (event) => { state.lang = event.target.value; paintWords(); settle(); });
  byId("moment").addEventListener("change", (event) => {
    const ns = nsOf(event.target.value);
    if (ns == null) event.target.setAttribute("aria-invalid", "true"); else seek(ns, { anew: true });
  });
  byId("back").addEventListener("click", () => lookAtBook(-1));
  byId("ahead").addEventListener("click", () => lookAtBook(1));
  document.addEventListener("keydown", onKey);
  window.addEventListener("resize", () => { paintStrip(); lookAtWindow(true); });
  window.addEventListener("hashchange", () => follow());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintWords);
}

/** Go where the address says. */
async function follow() {
  const place = new URLSearchParams(location.hash.slice(1));
  state.lang = WORDS[place.get("lang")] ? place.get("lang") : navigator.language.startsWith("ko") ? "ko" : "en";
  state.span = SPANS.includes(Number(place.get("span"))) ? Number(place.get("span")) : 60;
  paintWords();
  const name = state.names[place.get("name")] ? place.get("name") : Object.keys(state.names)[0];
  if (name) await choose(name, place.get("kind"), nsOf(place.get("t") ?? ""));
  else trouble(t("nothing"));
}

async function begin() {
  const found = await ask("/api/archive", {}, (answer) => answer.json());
  state.names = found.names;
  byId("path").textContent = found.path;
  document.title = `hoga view · ${found.path}`;
  byId("name").replaceChildren(...Object.keys(state.names).map((each) => make("option", { value: each }, each)));
  listen();
  await follow();
}

begin().catch((fault) => trouble(fault.message));
