// What a ladder says: levels put together by price steps, sums, the spread. Exact. Pure.
import { ceilTo, floorTo, gcd, parse, rounded, scaled, usefulDigits, write } from "./decimal.js";

// {digits, sizeDigits, bids, asks} of sides of [price text, size text], best first: the same as [units, units]. Odd levels are left out.
// `known`: digits of the levels before, so that columns do not jump.
export function measured(bids, asks, known = null) {
  const read = (side) => side.map(([price, size]) => [parse(String(price)), parse(String(size))]).filter((level) => level[0] && level[1]);
  const sides = [read(bids), read(asks)];
  let digits = known?.digits ?? 0, sizeDigits = known?.sizeDigits ?? 0;
  for (const side of sides) {
    for (const [price, size] of side) {
      if (price.digits > digits) digits = Math.max(digits, usefulDigits(price.units, price.digits));
      if (size.digits > sizeDigits) sizeDigits = Math.max(sizeDigits, usefulDigits(size.units, size.digits));
    }
  }
  const fit = ({ units, digits: has }, wanted) => (has > wanted ? units / 10n ** BigInt(has - wanted) : scaled({ units, digits: has }, wanted)); // only zeros go
  const [b, a] = sides.map((side) => side.map(([price, size]) => [fit(price, digits), fit(size, sizeDigits)]));
  return { digits, sizeDigits, bids: b, asks: a };
}

// The price step: what the venue says, else the largest that all prices are multiples of (`known`: the step until now).
export function tickOf(text, { digits, bids, asks }, known = 0n) {
  const told = text == null ? null : parse(text);
  if (told && told.units > 0n && told.digits <= digits) return scaled(told, digits);
  if (told && told.units > 0n) return told.units / 10n ** BigInt(told.digits - digits) || 1n;
  let step = known;
  for (const side of [bids, asks]) for (const [price] of side) step = gcd(step, price);
  return step || 1n;
}

// Levels within one step are one: bids at its lower end, asks at its upper one, so that none looks better than it is.
export function grouped(levels, step, isBid) {
  if (step <= 1n) return levels;
  const out = [];
  for (const [price, size] of levels) {
    const at = isBid ? floorTo(price, step) : ceilTo(price, step);
    const last = out[out.length - 1];
    if (last && last[0] === at) last[1] += size; else out.push([at, size]);
  }
  return out;
}

// Sums of sizes from the best level on.
export function summed(levels) {
  let sum = 0n;
  return levels.map(([, size]) => (sum += size));
}

// 0 to 1, for the length of a bar.
export const share = (part, whole) => (whole > 0n ? Number((part * 10000n) / whole) / 10000 : 0);

// {text, ticks, bps, mid} of the best two, null without both. Ticks are whole, or with one digit where they are not.
export function spreadOf({ digits, bids, asks }, tick) {
  if (!bids.length || !asks.length) return null;
  const bid = bids[0][0], ask = asks[0][0], wide = ask - bid;
  const tenths = (wide * 10n) / tick;
  const double = bid + ask;
  const mid = double % 2n === 0n ? write(double / 2n, digits) : write(double * 5n, digits + 1);
  return {
    text: write(wide, digits),
    ticks: tenths % 10n === 0n ? write(tenths / 10n, 0) : write(tenths, 1),
    bps: double > 0n ? write(rounded((wide * 20000n * 10000n) / double, 4, wide * 20000n < double ? 3 : 2), wide * 20000n < double ? 3 : 2) : "–",
    mid,
  };
}

// The size's text, of a length that fits a column: not more than `most` digits in all, at least none behind the point.
export function sizeText(units, digits, most = 7) {
  const whole = String(units < 0n ? -units : units).length - digits;
  const shown = Math.max(0, Math.min(digits, most - Math.max(1, whole)));
  return write(rounded(units, digits, shown), shown);
}
