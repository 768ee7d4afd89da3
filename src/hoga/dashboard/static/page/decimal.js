// Prices and sizes are decimal text, and stay exact: here they become whole numbers of 10^-digits, never floats. Pure.
const SHAPE = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

// {units, digits} of a text, units a BigInt: "0.010" is 10 units of 3 digits. null where the text is no number.
export function parse(text) {
  const found = SHAPE.exec(text);
  if (!found || !(found[2] || found[3])) return null;
  const fraction = found[3] ?? "";
  let units = BigInt(found[1] + (found[2] + fraction));
  let digits = fraction.length - Number(found[4] ?? 0);
  if (digits < 0) { units *= 10n ** BigInt(-digits); digits = 0; }
  return { units, digits };
}

// The same number in units of 10^-digits, where `digits` are at least as many as it has.
export const scaled = (number, digits) => (number.digits === digits ? number.units : number.units * 10n ** BigInt(digits - number.digits));

// The text of `units` of 10^-digits, thousands apart.
export function write(units, digits) {
  const minus = units < 0n;
  const text = String(minus ? -units : units).padStart(digits + 1, "0");
  const whole = digits ? text.slice(0, -digits) : text;
  const apart = whole.length > 3 ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole;
  return `${minus ? "-" : ""}${apart}${digits ? `.${text.slice(-digits)}` : ""}`;
}

// Rounded to fewer digits, half away from zero: for figures that are only looked at.
export function rounded(units, digits, wanted) {
  if (wanted >= digits) return units * 10n ** BigInt(wanted - digits);
  const by = 10n ** BigInt(digits - wanted);
  return (units + (units < 0n ? -by : by) / 2n) / by;
}

// How many digits are of use: those behind which there are only zeros are not.
export function usefulDigits(units, digits) {
  while (digits > 0 && units % 10n === 0n) { units /= 10n; digits -= 1; }
  return digits;
}

export const floorTo = (units, step) => units - (((units % step) + step) % step);
export const ceilTo = (units, step) => -floorTo(-units, step);

export function gcd(a, b) {
  while (b) [a, b] = [b, a % b];
  return a < 0n ? -a : a;
}
