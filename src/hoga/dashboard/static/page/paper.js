// A canvas that fills its box at the screen's own resolution; a sentence where there is no canvas.
import { make, mark, put } from "./dom.js";
import { t } from "./i18n.js";

let possible = null;

export function canDraw() {
  if (possible == null) {
    try { possible = Boolean(document.createElement("canvas").getContext("2d")); } catch { possible = false; }
  }
  return possible;
}

export class Paper {
  // `name`: the key of its title. `onSize(width, height)` in CSS pixels, whenever they change; `height` of the box, or what `onSize` returns.
  constructor(box, { name, onSize, focus = false, opaque = true }) {
    this.box = box;
    this.onSize = onSize;
    this.width = this.height = 0;
    this.ratio = 1;
    this.text = t(name);
    this.later = 0;
    this.canvas = make("canvas", { class: "paper", "aria-label": this.text, ...(focus ? { role: "application", tabindex: "0", "data-role": "picture" } : { role: "img" }) });
    this.ctx = canDraw() ? this.canvas.getContext("2d", { alpha: !opaque }) : null;
    if (!this.ctx) {
      this.words = make("p", { class: "no-canvas" });
      box.append(this.words);
      return;
    }
    box.append(this.canvas);
    new ResizeObserver(() => this.fit()).observe(box);
  }

  fit() {
    const width = this.box.clientWidth, ratio = devicePixelRatio || 1;
    if (!width || !this.ctx) return;
    const wanted = this.onSize(width, this.box.clientHeight, ratio);
    const height = wanted ?? this.box.clientHeight;
    if (width === this.width && height === this.height && ratio === this.ratio) return;
    this.width = width; this.height = height; this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.onSize(width, this.box.clientHeight, ratio, true);
  }

  // What the picture shows, for those who do not see it; the newest, once a second.
  say(text) {
    this.text = text;
    if (this.later) return;
    const tell = () => { if (this.ctx) mark(this.canvas, "aria-label", this.text); else put(this.words, `${this.text} ${t("no-canvas")}`); };
    tell();
    this.later = setTimeout(() => { this.later = 0; tell(); }, 1000);
  }
}
