// What lies under the cursor of the heatmap, as a cross and in words. Loaded with the first cursor.
import { axis } from "./axis.js";
import { columnAt, HOLD_MS } from "./bookdata.js";
import { write } from "./decimal.js";
import { put } from "./dom.js";
import { moment } from "./format.js";
import { t } from "./i18n.js";
import { isLocal } from "./view.js";

export function drawCross(heat, colours) {
  const { paper: { ctx }, point, from, to, wide, tall, high, low } = heat;
  const at = point ? from + (point.x / wide) * (to - from) : axis.cursor, inside = at != null && at >= from;
  const price = point ? high - (point.y / tall) * (high - low) : heat.mark;
  ctx.fillStyle = colours.ink;
  ctx.globalAlpha = 0.5;
  if (inside && at <= to) ctx.fillRect(Math.round(heat.x(at)), 0, 1, tall);
  if (price != null) ctx.fillRect(0, Math.round(heat.y(price)), wide, 1);
  ctx.globalAlpha = 1;
  put(heat.read, point || inside ? readAt(heat, at, point ? price : null) : "");
}

// The moment, the best two of then, and the size at the nearest price.
export function readAt(heat, at, price) {
  const { digits, columns } = heat.data, column = columnAt(columns, at, HOLD_MS), when = moment(at, heat.store.now, isLocal());
  if (!column) return `${when} · ${t("heat-nothing")}`;
  const text = (units) => (units == null ? "–" : write(BigInt(Math.round(units)), digits));
  if (price == null) return `${when} · ${text(column.bids[0])} / ${text(column.asks[0])}`;
  let near = null, size = 0;
  for (const side of [column.bids, column.asks]) for (let level = 0; level < side.length; level += 2) if (near == null || Math.abs(side[level] - price) < Math.abs(near - price)) { near = side[level]; size = side[level + 1]; }
  if (near == null || Math.abs(near - price) * heat.tall > 8 * (heat.high - heat.low)) return `${when} · ${text(price)} · ${t("heat-no-size")}`;
  return `${when} · ${text(near)} · ${t("heat-size", { size: sizeOf(size) })}`;
}

const sizeOf = (size) => { const text = size.toPrecision(3); return text.includes("e") ? String(Number(text)) : text; };
