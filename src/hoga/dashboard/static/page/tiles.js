import { make } from "./dom.js";

export function mountTiles(slot, store) {
  slot.append(make("p", { text: "" }));
  void store;
}
