// Which symbols the names mean that callers use, as far as the gateway has said, and which names it has refused.

import { ALL, upper } from "./names.js";

/** A name, or a symbol, of a channel. */
export const keyOfName = (channel, name) => `${channel} ${name}`;
export const channelOf = (key) => key.slice(0, key.indexOf(" "));
export const nameOf = (key) => key.slice(key.indexOf(" ") + 1);

export class Named {
  #symbols = new Map();
  #refused = new Map(); // of a name: why

  /** Another gateway may serve others, and know refused names; what a name meant, it most likely means again. */
  opened({ keepAll }) {
    this.#refused.clear();
    if (keepAll) return;
    for (const key of [...this.#symbols.keys()]) if (nameOf(key) === ALL) this.#symbols.delete(key);
  }

  /** Forget what nobody asks for any more. @param {Map<string, any>} wanted */
  keep(wanted) {
    for (const key of [...this.#symbols.keys()]) if (!wanted.has(key)) this.#symbols.delete(key);
    for (const key of [...this.#refused.keys()]) if (!wanted.has(key)) this.#refused.delete(key);
  }

  /** @returns {string[] | undefined} Undefined as long as it is not known. */
  symbolsOf(key) {
    return this.#symbols.get(key);
  }

  /** @returns {import("../index.js").StreamError | undefined} Why the gateway has refused the name, if it has. */
  refusalOf(key) {
    return this.#refused.get(key);
  }

  means(channel, name, symbols) {
    this.#symbols.set(keyOfName(channel, name), symbols);
  }

  /** @param {{ code: any, message: string, name: string, channel: string }} refusal */
  refuse(refusal) {
    this.#refused.set(keyOfName(refusal.channel, refusal.name), refusal);
  }

  /**
   * A symbol is not there any more. What was asked for by another name may mean another symbol now.
   *
   * @returns {string[]} The names that are the symbol itself, and mean nothing else.
   */
  lose(channel, symbol) {
    const refused = [];
    for (const [key, symbols] of [...this.#symbols]) {
      if (channelOf(key) !== channel || !symbols.includes(symbol)) continue;
      const name = nameOf(key);
      if (name === ALL) {
        this.#symbols.set(key, symbols.filter((one) => one !== symbol));
        continue;
      }
      this.#symbols.delete(key);
      if (upper(name) !== upper(symbol)) continue;
      refused.push(name);
    }
    return refused;
  }
}
