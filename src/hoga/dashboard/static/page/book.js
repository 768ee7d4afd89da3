// The chosen instrument's pictures: ladder, heatmap and tape; its day, its incidents, its curves.
import { axis } from "./axis.js";
import { BookData } from "./bookdata.js";
import { mount as mountCharts } from "./charts.js";
import { soon } from "./frames.js";
import { Heatmap } from "./heatmap.js";
import { Ladder } from "./ladder.js";
import { mountOwnIncidents } from "./own-incidents.js";
import { Tape } from "./tape.js";
import { mountDay } from "./day.js";

export function mount(slot, store) {
  const part = (id) => slot.querySelector(`#${id}`);
  const data = new BookData();
  const heat = new Heatmap(part("heat"), store, data);
  const ladder = new Ladder(part("ladder"), store, data, (price) => heat.pointAt(price == null ? null : Number(price) * 10 ** (data.digits - (data.book?.digits ?? 0))));
  const tape = new Tape(part("tape"), store, data);
  const moving = () => { for (const each of [ladder, heat, tape]) if (!axis.paused || each === heat) soon(each); };
  const take = (kind, into) => store.on(kind, (message) => { if (message.of === store.choice) { into(message); moving(); } });
  const anew = (what) => { if (what !== known) { known = what; data.clear(); moving(); } };
  let known = "";
  for (const kind of ["hello", "choice"]) store.on(kind, () => anew(`${store.run} ${store.choice}`));
  take("book", (message) => data.takeBook(message, store.chosenInstrument()?.tick ?? null));
  take("depth", (message) => data.takeDepth(message));
  take("trades", (message) => data.takeTrades(message));
  for (const kind of ["point", "look"]) store.on(kind, moving); // an age grows where nothing comes
  axis.on((what) => { if (what === "span") moving(); });
  mountDay(part("day"), store);
  mountOwnIncidents(part("day"), store);
  mountCharts(part("own"), store, "own");
  if (store.choice) { anew(`${store.run} ${store.choice}`); store.ask(); } // what was told before this was here
}
