import { make } from "./dom.js";
import { t } from "./i18n.js";

export function mountMachine(slot, store) {
  slot.append(make("h2", { id: "h-machine", "data-t": "machine", text: t("machine") }));
  void store;
}
