// What is wanted of a symbol, and how several callers' wishes become the few sets of options that a gateway takes.

/** @typedef {{ batch: boolean, maxHz: number, conflate: boolean }} Options `maxHz` is Infinity for every update. */

export const TICKER = "ticker";

/** The most different sets of options of one connection (docs/protocol.md, "Options of a subscribe"). */
export const MOST_SETS = 4;

const [LEAST_HZ, MOST_HZ] = [0.1, 50];

/** @returns {Options} What the caller asked for, checked. */
export function optionsOf({ batch = false, maxHz = Infinity, conflate = true } = {}) {
  if (maxHz !== Infinity && !(maxHz >= LEAST_HZ && maxHz <= MOST_HZ)) {
    throw new RangeError(`maxHz is ${maxHz}; it must be ${LEAST_HZ} to ${MOST_HZ} updates a second, or absent for all`);
  }
  return normal({ batch: Boolean(batch), maxHz, conflate: Boolean(conflate) });
}

/** @type {Options} */
export const EVERY = optionsOf({ conflate: false });

/** @param {Options | undefined} one @param {Options} other @returns {Options} What gives both callers enough. */
export function merged(one, other) {
  if (one === undefined) return other;
  return normal({
    batch: one.batch || other.batch,
    maxHz: Math.max(one.maxHz, other.maxHz),
    conflate: one.conflate && other.conflate,
  });
}

// Every tick has no rate.
function normal(options) {
  return options.conflate ? options : { ...options, maxHz: Infinity };
}

/** @param {Options} options @returns {string} Equal for equal options. */
export function keyOf({ batch, maxHz, conflate }) {
  return `${batch} ${maxHz} ${conflate}`;
}

/**
 * `wanted`, with at most `MOST_SETS` different options: some get more than they want, and the client thins that out.
 *
 * @template K
 * @param {Map<K, Options>} wanted
 * @returns {Map<K, Options>}
 */
export function limited(wanted) {
  let made = wanted;
  while (new Set([...made.values()].map(keyOf)).size > MOST_SETS) made = coarser(made);
  return made;
}

function coarser(wanted) {
  const all = [...wanted.values()];
  if (all.some(({ batch }) => batch) && all.some(({ batch }) => !batch)) {
    return changed(wanted, (options) => ({ ...options, batch: true }));
  }
  // All others differ in their rates only: the slowest join the next.
  const rates = [...new Set(all.filter(({ conflate }) => conflate).map(({ maxHz }) => maxHz))].sort((a, b) => a - b);
  return changed(wanted, (options) => (options.maxHz === rates[0] ? { ...options, maxHz: rates[1] } : options));
}

function changed(wanted, change) {
  return new Map([...wanted].map(([key, options]) => [key, change(options)]));
}

/** The fields of a `subscribe` that say so; what is the default is left out. */
export function fieldsOf({ batch, maxHz, conflate }) {
  return {
    ...(batch && { batch }),
    ...(maxHz !== Infinity && { max_hz: maxHz }),
    ...(!conflate && { conflate }),
  };
}
