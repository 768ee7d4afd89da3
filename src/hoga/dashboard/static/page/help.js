import { make } from "./dom.js";
import { t } from "./i18n.js";

export function mountHelp(slot, store) {
  slot.append(make("h2", { id: "h-help", "data-t": "help", text: t("help") }));
  void store;
}
