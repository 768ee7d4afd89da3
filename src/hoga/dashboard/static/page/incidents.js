import { make } from "./dom.js";
import { t } from "./i18n.js";

export function mountIncidents(slot, store) {
  slot.append(make("h2", { id: "h-incidents", "data-t": "happened", text: t("happened") }));
  void store;
}
