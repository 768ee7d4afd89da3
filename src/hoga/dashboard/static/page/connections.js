import { make } from "./dom.js";
import { t } from "./i18n.js";

export function mountConnections(slot, store) {
  slot.append(make("h2", { id: "h-connections", "data-t": "connections", text: t("connections") }));
  void store;
}
