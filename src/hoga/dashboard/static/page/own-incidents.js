// What happened today to the chosen instrument, in one line; a click shows that moment in all curves.
import { axis } from "./axis.js";
import { placeOf } from "./chosen.js";
import { make, mark, put } from "./dom.js";
import { t } from "./i18n.js";
import { clockText } from "./timeline.js";
import { isLocal } from "./view.js";
import { reasonText } from "./words.js";

const SHOWN = 6;
const DAY_MS = 86_400_000;

export function mountOwnIncidents(slot, store) {
  const head = make("span"), list = make("span"), line = make("p", { class: "own-incidents" }, head, list);
  slot.append(line);
  let sign = null;
  const paint = () => {
    const place = placeOf(store), start = Math.floor(store.now / DAY_MS) * DAY_MS;
    const mine = place < 0 ? [] : store.incidents.filter((each) => isOf(each, place, store) && (each.open || each.to >= start));
    const shown = mine.slice(-SHOWN).reverse();
    const text = JSON.stringify([document.documentElement.lang, isLocal(), mine.length, shown.map((each) => [each.number, each.from, each.open])]);
    if (text === sign) return;
    sign = text;
    put(head, mine.length ? t(mine.length === 1 ? "own-one" : "own-some", { count: mine.length }) : t("own-none"));
    list.replaceChildren(...shown.map((each) => {
      const button = make("button", { type: "button", text: `${clockText(each.from, isLocal(), true)} ${reasonText(each.reason)}` });
      mark(button, "data-level", each.open ? "bad" : null);
      button.addEventListener("click", () => axis.zoomTo(each.from, each.open ? store.now : each.to));
      return button;
    }));
  };
  store.subscribe(["incidents", "choice", "look", "meta"], paint);
}

// Where the server names no instruments, all of its connection's venue are meant, or the whole machine.
export function isOf(incident, place, store) {
  if (incident.of != null) return incident.of.includes(place);
  return !incident.venue || incident.venue === store.instruments[place]?.venue;
}
