// What the pictures ask the store about the chosen instrument.
import { openChosen } from "./layout.js";
import { setView } from "./view.js";

export const placeOf = (store) => store.chosenInstrument()?.place ?? -1;
export const hasBook = (store) => store.chosenStreams().some((at) => store.meta?.books.includes(at));

// An instrument is chosen in a picture: as in the list, it stands in the address, and is shown.
export function choosePlace(store, place, open = true) {
  const each = store.instruments[place];
  if (!each) return;
  setView({ stream: each.key });
  store.choose(each.key);
  if (open) openChosen();
}
