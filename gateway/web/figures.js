// Figures as text. A price is an integer with a scale and is never divided: digits are only cut and grouped.

export const NOTHING = "–";

/** The decimal of `value / 10**scale`, every digit kept: exact(6523456, 2) is "65,234.56". */
export function exact(value, scale) {
  if (!Number.isSafeInteger(value) || !Number.isInteger(scale) || scale < 0) return NOTHING;
  return pointed(String(Math.abs(value)), value < 0, scale);
}

/** The decimal between two such values, every digit kept, with one decimal more: middle(6523456, 6523457, 2) is "65,234.565". */
export function middle(one, other, scale) {
  if (exact(one, scale) === NOTHING || exact(other, scale) === NOTHING) return NOTHING;
  const sum = (BigInt(one) + BigInt(other)) * 5n; // which a float need not hold
  return pointed(String(sum < 0n ? -sum : sum), sum < 0n, scale + 1);
}

function pointed(text, isNegative, scale) {
  const digits = text.padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale).replace(/\B(?=(\d{3})+$)/g, ",");
  const fraction = scale > 0 ? "." + digits.slice(-scale) : "";
  return (isNegative ? "−" : "") + whole + fraction;
}

/** Below zero where the first of two such decimals is the smaller, above where it is the larger, zero where equal. */
export function compare(value, scale, other, otherScale) {
  if (scale === otherScale) return value - other;
  const [first, second] = [BigInt(value) * 10n ** BigInt(otherScale), BigInt(other) * 10n ** BigInt(scale)];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** A duration in seconds for people: "0.4 s", "12 s", "3 min", "2 h". */
export function duration(seconds) {
  return seconds < 9.95 ? `${seconds.toFixed(1)} s` : age(seconds);
}

/** The same without tenths, which would only flicker: "0 s", "12 s", "3 min". */
export function age(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** A decimal string as its exchange wrote it, grouped; zeros at its end go, but `decimals` stay: "65,028.86". */
export function written(text, decimals = 0) {
  const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text ?? "");
  if (parts === null) return NOTHING;
  const [, sign, digits, fraction = ""] = parts;
  const kept = fraction.replace(/0+$/, "").padEnd(Math.min(decimals, fraction.length), "0");
  return (sign && "−") + digits.replace(/\B(?=(\d{3})+$)/g, ",") + (kept && `.${kept}`);
}

/** The same with its sign, where it is not zero: "+1.5", "−0.2". */
export function signed(text, decimals = 0) {
  const figure = written(text, decimals);
  return figure === NOTHING || figure.startsWith("−") || !/[1-9]/.test(figure) ? figure : `+${figure}`;
}

/** About how much `value / 10**scale` is: for order, pictures and colours, never for a price that is shown. */
export function approximate(value, scale) {
  return Number.isSafeInteger(value) && scale >= 0 ? value / 10 ** scale : NaN;
}

/** A number of bytes for people: "0 B", "4.2 KB". */
export function bytes(count) {
  if (count < 999.5) return `${Math.round(count)} B`;
  return count < 999_500 ? `${(count / 1e3).toFixed(1)} KB` : `${(count / 1e6).toFixed(1)} MB`;
}

/** Milliseconds for people: "0.8 ms", "12 ms", "3.4 s". */
export function milliseconds(ms) {
  if (!Number.isFinite(ms)) return NOTHING;
  if (ms < 9.95) return `${Math.max(0, ms).toFixed(1)} ms`;
  return ms < 999.5 ? `${Math.round(ms)} ms` : duration(ms / 1000);
}

/** A rate for people: "0", "0.4", "12", "1,234". */
export function rate(perSecond) {
  if (perSecond < 0.05) return "0";
  return perSecond < 9.95 ? perSecond.toFixed(1) : exact(Math.round(perSecond), 0);
}

/** The same with the day before it, where that is not today. */
export function moment(us) {
  const day = new Date(us / 1000);
  if (day.toDateString() === new Date().toDateString()) return timeOfDay(us);
  return `${day.toLocaleDateString()}, ${timeOfDay(us)}`;
}

const DIGITS = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }; // as wide at ten as at nine

/** The wall-clock time of microseconds since the Unix epoch, of 24 hours, otherwise as this reader's locale writes it. */
export function timeOfDay(us) {
  return new Date(us / 1000).toLocaleTimeString([], DIGITS);
}
