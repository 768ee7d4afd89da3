// What is drawn, each in its slot of the page: {map, charts, today, ladder, heat, tape, day, own, range}.
import { make } from "./dom.js";
import { t } from "./i18n.js";

export function mountPictures(slots, store) {
  for (const name of ["map", "charts", "today"]) slots[name].append(make("h2", { id: `h-${name}`, "data-t": `p-${name}`, text: t(`p-${name}`) }));
  void store;
}
