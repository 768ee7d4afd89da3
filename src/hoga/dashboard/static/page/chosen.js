// What the pictures ask the store about the chosen instrument.
import { span } from "./format.js";
import { t } from "./i18n.js";
import { openChosen } from "./layout.js";
import { setView } from "./view.js";

export const placeOf = (store) => store.chosenInstrument()?.place ?? -1;
export const hasBook = (store) => store.chosenStreams().some((at) => store.meta?.books.includes(at));

// How old a book is, where it is too old. One that is ahead: the clock was set back.
export function oldText({ meta }, millis) {
  const age = Math.round(millis / 1000);
  return Math.abs(age) > meta?.limits.book_old_s ? t(age > 0 ? "age" : "link-stale", { span: span(age) }) : "";
}

// An instrument is chosen in a picture: as in the list, it stands in the address, and is shown.
export function choosePlace(store, place, open = true) {
  const each = store.instruments[place];
  if (!each) return;
  setView({ stream: each.key });
  store.choose(each.key);
  if (open) openChosen();
}
