// The page's beginning: one store, one socket, every module in its slot; what is not in sight is loaded when it comes into it.
import { mountAxis } from "./axis.js";
import { mountBar } from "./bar.js";
import { byId, make } from "./dom.js";
import { mountChosen } from "./head.js";
import { setLanguage, worded } from "./i18n.js";
import { restyle } from "./ink.js";
import { mountKeys } from "./keys.js";
import { beginLayout, mountLayout } from "./layout.js";
import { openLink } from "./link.js";
import { mountLog } from "./log.js";
import { Store } from "./store.js";
import { mountStreams } from "./streams.js";
import { mountTiles } from "./tiles.js";
import { beginView, view } from "./view.js";

const store = new Store();
store.range = () => view.range;
globalThis.hoga = { store, stats: store.stats, view };

const shown = (keys, look) => { store.touch("view", ...(look ? ["look"] : [])); if (look) store.emit("look"); };
beginView(async (keys, look) => {
  if (keys.includes("lang")) await setLanguage(view.lang).catch(console.error);
  shown(keys, look);
});
await Promise.all([setLanguage(view.lang), beginLayout()]);
store.on("look", restyle); // before all others: they draw with the new colours

mountLayout(store);
mountBar(store);
mountTiles(byId("tiles"), store);
mountStreams(byId("streams"), store);
mountChosen(store);
mountAxis(byId("range"), store);
mountLog(byId("log"), store);
mountKeys(store);
for (const name of ["map", "charts", "today"]) byId(name).append(make("h2", { id: `h-${name}` }, make("button", { type: "button", class: "x", "data-x": name, "data-t": `p-${name}` })));
worded(document);

// Loads a module and mounts it into its slot, once; after a dashboard that did not answer, at the next wish again.
function bring(id, load) {
  let asked = false;
  return async () => {
    if (asked) return;
    asked = true;
    try {
      await (await load()).mount(byId(id), store);
      worded(byId(id));
    } catch (fault) { asked = false; console.error(fault); }
  };
}

const PANELS = {
  map: () => import("./map.js"), book: () => import("./book.js"), charts: () => import("./charts.js"), today: () => import("./today.js"),
  incidents: () => import("./incidents.js"), connections: () => import("./connections.js"), machine: () => import("./machine.js"),
};
const bringing = new Map(Object.entries(PANELS).map(([id, load]) => [byId(id), bring(id, load)]));
const sight = new IntersectionObserver((entries) => { for (const { target, isIntersecting } of entries) if (isIntersecting) bringing.get(target)(); }, { rootMargin: "0px -1px" });
const whenThere = (keys, isThere, act) => store.subscribe(keys, () => { if (isThere()) act(); });
whenThere(["now"], () => store.reasons.length, bring("top", () => import("./trouble.js")));
whenThere(["trader"], () => store.trader, bring("trader", () => import("./trader.js")));
whenThere(["slow"], () => store.slow?.hub, bring("hub", () => import("./hub.js")));
whenThere(["slow"], () => store.slow?.collectors?.length, bring("collectors", () => import("./collectors.js")));

let greeted = false;
store.subscribe(["meta"], () => {
  if (!greeted && store.assets != null) { // only now it is known what has a place in sight
    greeted = true;
    for (const slot of bringing.keys()) sight.observe(slot);
  }
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
  const first = store.instrumentOf[store.meta.books[0] ?? 0] ?? store.instruments[0];
  store.choose((store.instrument(view.stream) ?? first).key);
};
let range = view.range;
store.subscribe(["view"], () => { choose(); if (range !== view.range) { range = view.range; store.ask(); } });

addEventListener("resize", () => store.touch("size"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) store.touch("size"); });
setInterval(() => { if (!document.hidden) store.touch("tick"); }, 250);
openLink(store);
