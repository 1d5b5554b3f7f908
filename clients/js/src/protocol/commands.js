// Commands: what each is about, and its words.

import { channelOf, nameOf } from "./named.js";
import { fieldsOf, keyOf, TICKER } from "./options.js";

/** In one command. A gateway takes up to 8 KB of a compressed message while it does not know the token yet. */
export const MOST_NAMES = 500;

/**
 * @typedef {object} Subscribe
 * @property {string} id
 * @property {string} channel
 * @property {Set<string>} keys Of its names.
 * @property {string[]} names Symbols, or names of which no symbol is known if it is `byName`.
 * @property {import("./options.js").Options} options
 * @property {boolean} snapshot
 * @property {boolean} byName
 * @property {Record<string, number>} since
 * @property {string[] | null} left Names that the answer did not settle; null before it.
 * @property {Set<string> | null} got The symbols of that answer.
 * @property {any} error
 * @property {any[]} listing
 */

/**
 * The commands that ask for `keys`, each with its options.
 *
 * @param {string[]} keys @param {Map<string, any>} options By key.
 * @param {Map<string, any>} held The options of each symbol that is held.
 * @param {boolean} byName
 * @returns {Subscribe[]}
 */
export function commandsFor(keys, options, held, byName) {
  // Who begins to want every tick begins with a snapshot.
  const snapshotOf = (key) => !held.has(key) || (held.get(key).conflate && !options.get(key).conflate);
  const alike = grouped(keys, (key) => `${channelOf(key)} ${keyOf(options.get(key))} ${snapshotOf(key)}`);
  return [...alike.values()].flatMap(parts).map((some) => ({
    id: "",
    channel: channelOf(some[0]),
    keys: new Set(some),
    names: some.map(nameOf),
    options: options.get(some[0]),
    snapshot: snapshotOf(some[0]),
    byName,
    since: {},
    left: null,
    got: null,
    error: null,
    listing: [],
  }));
}

function parts(keys) {
  const count = Math.ceil(keys.length / MOST_NAMES);
  return Array.from({ length: count }, (_, part) => keys.slice(part * MOST_NAMES, (part + 1) * MOST_NAMES));
}

/** The message of a `subscribe`; what is the default is left out, for older gateways refuse a field that they do not know. */
export function subscribeMessage({ id, channel, names, options, snapshot, since }) {
  return {
    type: "subscribe",
    id,
    symbols: names,
    ...(channel !== TICKER && { channel }),
    ...fieldsOf(options),
    ...(!snapshot && { snapshot }),
    ...(Object.keys(since).length > 0 && { since }),
  };
}

export function unsubscribeMessage({ id, channel, symbols }) {
  return { type: "unsubscribe", id, symbols, ...(channel !== TICKER && { channel }) };
}

/** Group -> its members, in their order. @template T, G @param {T[]} all @param {(one: T) => G} groupOf */
export function grouped(all, groupOf) {
  /** @type {Map<G, T[]>} */
  const groups = new Map();
  for (const one of all) {
    const group = groupOf(one);
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group)?.push(one);
  }
  return groups;
}
