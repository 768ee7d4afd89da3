// The page's beginning: one store, one socket, and every module in its slot.
import { mountBar } from "./bar.js";
import { mountChosen } from "./head.js";
import { mountConnections } from "./connections.js";
import { mountHelp } from "./help.js";
import { mountIncidents } from "./incidents.js";
import { setLanguage } from "./i18n.js";
import "./shell-texts.js";
import { mountLayout } from "./layout.js";
import { openLink } from "./link.js";
import { mountLog } from "./log.js";
import { mountMachine } from "./machine.js";
import { mountPictures } from "./pictures.js";
import { Store } from "./store.js";
import { mountStreams } from "./streams.js";
import { mountTiles } from "./tiles.js";
import { mountTrader } from "./trader.js";
import { beginView, setView, view } from "./view.js";

const store = new Store();
store.range = () => view.range;
globalThis.hoga = { store, stats: store.stats, view };
const slot = (id) => document.getElementById(id);

beginView((keys, look) => {
  if (keys.includes("lang")) setLanguage(view.lang);
  store.touch("view", ...(look ? ["look"] : []));
  if (look) store.emit("look");
});
setLanguage(view.lang);

mountLayout(document.documentElement, store);
mountBar(slot("top"), store);
mountTiles(slot("tiles"), store);
mountStreams(slot("streams"), store);
mountChosen(slot("chosen"), store);
mountIncidents(slot("incidents"), store);
mountConnections(slot("connections"), store);
mountMachine(slot("machine"), store);
mountTrader(slot("trader"), store);
mountLog(slot("log"), store);
mountHelp(slot("help"), store);
mountPictures(Object.fromEntries(["map", "charts", "today", "ladder", "heat", "tape", "day", "own", "range"].map((id) => [id, slot(id)])), store);

store.subscribe(["meta"], () => {
  if (!store.meta) return;
  const loaded = document.querySelector('meta[name="hoga-assets"]').content;
  if (store.assets && loaded !== "assets" && store.assets !== loaded && history.state?.assets !== store.assets) {
    history.replaceState({ assets: store.assets }, ""); // an old page before a new server: once anew, and never in a circle
    location.reload();
    return;
  }
  choose();
});
const choose = () => {
  if (!store.instruments.length) return;
  const row = store.meta.streams.findIndex((each) => `${each[1]}:${each[0]}` === view.stream); // an address of an earlier page names a stream
  const first = store.instrumentOf[store.meta.books[0] ?? 0] ?? store.instruments[0];
  store.choose((store.instrument(view.stream) ?? store.instrumentOf[row] ?? first).key);
};
store.subscribe(["view"], choose);
let range = view.range;
store.subscribe(["view"], () => { if (range !== view.range) { range = view.range; store.ask(); } });

addEventListener("resize", () => store.touch("size"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) store.touch("size"); });
setInterval(() => { if (!document.hidden) store.touch("tick"); }, 250);
openLink(store);
