// The words of commands.

import { fieldsOf, TICKER } from "./options.js";

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
