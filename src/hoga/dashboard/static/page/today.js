// Today, one strip per instrument; the worst come first.
import { choosePlace, placeOf } from "./chosen.js";
import { Day, HEAD, ROW } from "./day.js";
import { make } from "./dom.js";
import { count, share } from "./format.js";
import { soon } from "./frames.js";
import { t } from "./i18n.js";
import { venueShort } from "./words.js";

const RIGHT = 62, USUAL = 190; // px of the share at the right; of the height before it is known

export function mount(slot, store) { return new Today(slot, store); }

class Today extends Day {
  constructor(slot, store) {
    super(slot, store);
    this.filler = make("div", { class: "day-filler", "aria-hidden": "true" });
    this.scroll = make("div", { class: "day-scroll" });
    this.view.before(this.scroll);
    this.scroll.append(this.view, this.filler);
    this.scroll.addEventListener("scroll", () => soon(this), { passive: true });
    new ResizeObserver(() => { this.paper.height = 0; this.paper.fit(); }).observe(this.scroll);
  }

  places() { return (this.store.meta?.instruments ?? []).map((_, place) => place); }
  height() { return Math.max(HEAD + ROW, Math.min(this.scroll?.clientHeight || USUAL, HEAD + this.order.length * ROW)); }
  get top() { return this.scroll.scrollTop; }
  edges(width) { return [Math.min(170, Math.max(92, width * 0.16)), RIGHT]; }
  nameOf(place) { return this.store.meta.instruments[place][1]; }

  arrange() {
    super.arrange();
    this.filler.style.height = `${Math.max(0, HEAD + this.order.length * ROW - this.height())}px`;
  }

  drawBeside(ctx, colours, row, y) {
    const place = this.order[row], strip = this.strips.get(place), { label, store } = this, [venue, symbol] = store.meta.instruments[place];
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.fillStyle = placeOf(store) === place || this.at?.row === row ? colours.accent : colours.ink;
    if (strip.label?.[0] !== label) strip.label = [label, cut(ctx, `${symbol} ${venueShort(venue, store)}`, label - 8)];
    ctx.fillText(strip.label[1], 0, y + ROW / 2);
    const part = store.days[place]?.[0];
    ctx.textAlign = "right";
    ctx.fillStyle = (part ?? 1) < 0.999 ? colours.bad : colours.soft;
    ctx.fillText(part == null ? "–" : `${share(part)} %`, this.paper.width, y + ROW / 2);
  }

  choose() {
    if (this.at) choosePlace(this.store, this.order[this.at.row], false);
    super.choose();
  }

  toRow(row) { this.scroll.scrollTop = Math.max(0, Math.min(row * ROW, Math.max(this.top, (row + 2) * ROW + HEAD - this.height()))); }

  summary() {
    this.whole = this.order.filter((place) => !this.strips.get(place).counts.missed).length;
    return t("day-said", { whole: count(this.whole), count: count(this.order.length) });
  }

  spoken(text) {
    const [worst] = this.order;
    return this.whole === this.order.length ? text : `${text} ${t("day-worst", { name: this.nameOf(worst), words: this.minutes(worst) })}`;
  }
}

function cut(ctx, text, wide) {
  if (ctx.measureText(text).width <= wide) return text;
  let end = text.length;
  while (end > 1 && ctx.measureText(`${text.slice(0, end)}…`).width > wide) end -= 1;
  return `${text.slice(0, end)}…`;
}
