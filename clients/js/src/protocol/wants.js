// What all callers want together: of which names, and of which symbols once it is known what the names mean.

import { channelOf, keyOfName } from "./named.js";
import { limited, merged } from "./options.js";

/** The options of each name that gives all `subscriptions` enough. @param {Iterable<import("../subscription/subscription.js").Subscription>} subscriptions */
export function wantedBy(subscriptions) {
  const wanted = new Map();
  for (const { channel, names, options } of subscriptions) {
    for (const name of names) {
      const key = keyOfName(channel, name);
      wanted.set(key, merged(wanted.get(key), options));
    }
  }
  return wanted;
}

/**
 * What a connection should hold, in sets of options that a gateway takes.
 *
 * @param {Map<string, import("./options.js").Options>} wanted By name.
 * @param {import("./named.js").Named} named
 * @returns `symbols`: options by symbol; `names`: those by name, of names whose symbols are not known.
 */
export function due(wanted, named) {
  const symbols = new Map();
  const names = new Map();
  for (const [key, options] of wanted) {
    const known = named.symbolsOf(key);
    if (known === undefined) {
      if (named.refusalOf(key) === undefined) names.set(`? ${key}`, options);
      continue;
    }
    for (const symbol of known) {
      const symbolKey = keyOfName(channelOf(key), symbol);
      symbols.set(symbolKey, merged(symbols.get(symbolKey), options));
    }
  }
  const both = limited(new Map([...symbols, ...names]));
  return {
    symbols: new Map([...symbols.keys()].map((key) => [key, both.get(key)])),
    names: new Map([...names.keys()].map((key) => [key.slice(2), both.get(key)])),
  };
}
