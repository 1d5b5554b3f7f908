// Scaled integers as decimal strings. No float touches a price: only the point is set between its digits.

/**
 * The decimal string of `value / 10 ** scale`, exactly: `formatPrice(6502886, 2)` is "65028.86".
 *
 * An absent value, such as a side without a price, is "".
 *
 * @param {number | bigint | null | undefined} value
 * @param {number} scale
 * @returns {string}
 */
export function formatPrice(value, scale) {
  if (value === undefined || value === null) return "";
  if (typeof value !== "bigint" && !Number.isSafeInteger(value)) {
    throw new RangeError(`${value} is no integer that a number holds exactly; pass what came in the tick, with its scale`);
  }
  if (!Number.isInteger(scale) || scale < 0) {
    throw new RangeError(`${scale} is no scale; pass the tick's price_scale or size_scale`);
  }
  const sign = value < 0 ? "-" : "";
  const digits = String(value).slice(sign.length).padStart(scale + 1, "0");
  return sign + (scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`);
}
