// What is drawn, each in its slot of the page: {map, charts, today, ladder, heat, tape, day, own, range}.
import { axis, mountAxis } from "./axis.js";
import { BookData } from "./bookdata.js";
import { mount as mountCharts } from "./charts.js";
import { make } from "./dom.js";
import { soon, spent } from "./frames.js";
import { Heatmap } from "./heatmap.js";
import { t } from "./i18n.js";
import { restyle } from "./ink.js";
import { Ladder } from "./ladder.js";
import { mount as mountMap } from "./map.js";
import { mountOwnIncidents } from "./own-incidents.js";
import "./pictures-texts.js";
import { Tape } from "./tape.js";
import { mount as mountToday, mountDay } from "./today.js";

export function mountPictures(slots, store) {
  for (const name of ["map", "charts", "today"]) {
    slots[name].append(make("h2", { id: `h-${name}` }, make("button", { type: "button", class: "x", "data-x": name, "data-t": `p-${name}`, text: t(`p-${name}`) })));
  }
  store.on("look", restyle); // before all others: they draw with the new colours
  if (globalThis.hoga) globalThis.hoga.pictures = spent;
  mountAxis(slots.range, store);
  mountMap(slots.map, store);
  mountCharts(slots.charts, store, "run");
  mountToday(slots.today, store);
  mountBook(slots, store);
  mountDay(slots.day, store);
  mountOwnIncidents(slots.day, store);
  mountCharts(slots.own, store, "own");
}

// Ladder, heatmap and tape of the chosen instrument live from the same books and trades.
function mountBook(slots, store) {
  const data = new BookData();
  const heat = new Heatmap(slots.heat, store, data);
  const ladder = new Ladder(slots.ladder, store, data, {
    onRow: (price) => heat.pointAt(price == null ? null : Number(price) * 10 ** (data.digits - (data.book?.digits ?? 0))),
  });
  const tape = new Tape(slots.tape, store, data);
  const moving = () => { for (const each of [ladder, heat, tape]) if (!axis.paused || each === heat) soon(each); };
  const mine = (message) => message.of === store.choice;
  let chosen = "", run = "";
  store.on("hello", (message) => { if (message.run !== run) { run = message.run; data.clear(); moving(); } });
  store.on("choice", (key) => { if (key !== chosen) { chosen = key; data.clear(); moving(); } });
  store.on("book", (message) => { if (mine(message)) { data.takeBook(message, store.chosenInstrument()?.tick ?? null); moving(); } });
  store.on("depth", (message) => { if (mine(message)) { data.takeDepth(message); moving(); } });
  store.on("trades", (message) => { if (mine(message)) { data.takeTrades(message); moving(); } });
  store.on("point", moving); // an age grows where nothing comes
  store.on("look", moving);
  axis.on((what) => { if (what === "span") moving(); });
}
