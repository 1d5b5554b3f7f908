// Which subscriptions get the values of a symbol, and how often at most.

import { keyOfName } from "../protocol/named.js";

const NOBODY = [];

export class Routes {
  #routes = new Map();
  #touched = new Set();

  /**
   * Make all anew.
   *
   * @param {Set<import("./subscription.js").Subscription>} subscriptions @param {import("../protocol/wire.js").Wire} wire
   * @returns `added`: the symbols that a subscription did not have; `gone`: symbols that nobody has any more.
   */
  make(subscriptions, wire) {
    const before = this.#routes;
    const added = [];
    this.#routes = new Map();
    for (const subscription of subscriptions) {
      const { channel, names, options } = subscription;
      const symbols = [...new Set(names.flatMap((name) => wire.symbolsOf(channel, name)))];
      for (const symbol of subscription.mean(symbols)) added.push({ subscription, symbol });
      for (const symbol of symbols) {
        const key = keyOfName(channel, symbol);
        if (!this.#routes.has(key)) this.#routes.set(key, { channel, symbol, to: [] });
        // What the gateway sends no faster needs no thinning out.
        const faster = (wire.optionsOf(channel, symbol)?.maxHz ?? Infinity) > options.maxHz;
        this.#routes.get(key).to.push({ subscription, everyMs: faster ? 1000 / options.maxHz : 0 });
      }
    }
    const gone = [...before.entries()].filter(([key]) => !this.#routes.has(key)).map(([, route]) => route);
    return { added, gone };
  }

  has(channel, symbol) {
    return this.#routes.has(keyOfName(channel, symbol));
  }

  /** @returns {{ subscription: import("./subscription.js").Subscription, everyMs: number }[]} */
  to(channel, symbol) {
    return this.#routes.get(keyOfName(channel, symbol))?.to ?? NOBODY;
  }

  symbols(channel) {
    return [...this.#routes.values()].filter((route) => route.channel === channel).map(({ symbol }) => symbol);
  }

  offer(subscription, value, everyMs) {
    subscription.offer(value, everyMs);
    if (subscription.options.batch) this.#touched.add(subscription);
  }

  /** The end of a message: batches go out. */
  flush() {
    if (this.#touched.size === 0) return;
    const all = [...this.#touched];
    this.#touched.clear();
    for (const subscription of all) subscription.flush();
  }
}
