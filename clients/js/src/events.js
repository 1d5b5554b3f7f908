// Handlers of events by name.

import { report } from "./environment.js";

export class Events {
  #handlers;

  /** @param {string[]} names */
  constructor(names) {
    this.#handlers = new Map(names.map((name) => [name, /** @type {Set<Function>} */ (new Set())]));
  }

  /** @param {string} name @param {Function} handler @returns {() => void} Takes the handler away. */
  on(name, handler) {
    const handlers = this.#handlers.get(name);
    if (handlers === undefined) {
      throw new TypeError(`there is no event ${name}; there are ${[...this.#handlers.keys()].join(", ")}`);
    }
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  /** @param {string} name @param {any} value */
  say(name, value) {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      try {
        handler(value);
      } catch (error) {
        report(error);
      }
    }
  }
}
