// What happened today to the chosen instrument, in one line; a click shows that moment in all curves.
import { axis } from "./axis.js";
import { placeOf } from "./chosen.js";
import { List, make, mark, put } from "./dom.js";
import { clock } from "./format.js";
import { t } from "./i18n.js";
import { isLocal } from "./view.js";
import { reasonText } from "./words.js";

const SHOWN = 6;
const DAY_MS = 86_400_000;

export function mountOwnIncidents(slot, store) {
  const title = make("span"), list = make("span");
  slot.append(make("p", { class: "own-incidents" }, title, list));
  const lines = new List(list, () => {
    const node = { item: make("button", { type: "button" }) };
    node.item.addEventListener("click", () => axis.zoomTo(node.each.from, node.each.open ? store.now : node.each.to));
    return node;
  }, ({ item }, each) => {
    put(item, `${clock(each.from, isLocal())} ${reasonText(each.reason)}`);
    mark(item, "data-level", each.open ? "bad" : null);
  }, (each) => each.number);
  store.subscribe(["incidents", "choice", "look", "meta"], () => {
    const place = placeOf(store), start = Math.floor(store.now / DAY_MS) * DAY_MS;
    const mine = place < 0 ? [] : store.incidents.filter((each) => isOf(each, place, store) && (each.open || each.to >= start));
    put(title, mine.length ? t(mine.length === 1 ? "own-one" : "own-some", { count: mine.length }) : t("own-none"));
    lines.show(mine.slice(-SHOWN).reverse());
  });
}

// Where the server names no instruments, all of its connection's venue are meant, or the whole machine.
export function isOf(incident, place, store) {
  if (incident.of != null) return incident.of.includes(place);
  return !incident.venue || incident.venue === store.instruments[place]?.venue;
}
