import { make } from "./dom.js";
import { t } from "./i18n.js";

export function mountLog(slot, store) {
  slot.append(make("h2", { id: "h-log", "data-t": "log", text: t("log") }));
  void store;
}
