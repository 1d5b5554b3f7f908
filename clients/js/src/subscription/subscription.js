// One caller's subscription: its handler or its iterator, at its own pace, and the states of its symbols.

import { report } from "../environment.js";
import { optionsOf, TICKER } from "../protocol/options.js";
import { Queue } from "./queue.js";
import { Throttle } from "./throttle.js";

/** What a caller of `subscribe` asks for; the handler may be left out. */
export function askedFor(symbols, handler, options) {
  const hasHandler = typeof handler === "function";
  const given = (hasHandler || handler === undefined ? options : handler) ?? {};
  const names = [...new Set(typeof symbols === "string" ? [symbols] : symbols)];
  if (names.length === 0 || names.some((name) => typeof name !== "string" || name === "")) {
    throw new TypeError('subscribe to one symbol or several, like ["BTC", "ETHUSDT"]; ["*"] is all of them');
  }
  const { onState, onGap, onError, channel = TICKER } = given;
  return { names, channel, options: optionsOf(given), handler: hasHandler ? handler : undefined, onState, onGap, onError };
}

/**
 * @typedef {object} Host What a subscription asks of its stream.
 * @property {(subscription: Subscription) => void} left It has unsubscribed.
 * @property {(subscription: Subscription, name: string) => import("../index.js").SymbolView} view
 */
export class Subscription {
  #host;
  #handler;
  #on;
  /** @type {Queue | null} */
  #queue = null;
  #throttle;
  #batch = [];
  #told = new Map(); // the state of each symbol, as the caller knows it
  #waits = new Set(); // symbols whose every tick is wanted, and of which none has come yet
  #seen = new Set(); // symbols of which this caller has had a value
  #symbols = [];
  closed = false;
  /** Whether its names are among those that are asked for. */
  planned = false;
  /** @type {(() => void) | undefined} */
  onEnd = undefined;

  /**
   * @param {{ names: string[], channel: string, options: import("../protocol/options.js").Options, handler?: Function,
   *   onState?: Function, onGap?: Function, onError?: Function }} asked
   * @param {Host} host
   */
  constructor({ names, channel, options, handler, onState, onGap, onError }, time, host) {
    this.names = names;
    this.channel = channel;
    this.options = options;
    this.#handler = handler;
    this.#on = { state: onState, gap: onGap, error: onError };
    this.#host = host;
    this.#throttle = new Throttle(time, (value) => this.#pass(value), () => this.flush());
    // What comes before the loop begins waits for it.
    if (handler === undefined) this.#queue = new Queue(options);
  }

  /** The full names of its symbols, as far as they are known. */
  get symbols() {
    return this.#symbols;
  }

  /** The last value and the state of one of its symbols. @param {string} name */
  symbol(name) {
    return this.#host.view(this, name);
  }

  unsubscribe() {
    if (this.closed) return;
    this.end();
    this.#host.left(this);
  }

  /** Its names mean these symbols now. @param {string[]} symbols @returns {string[]} Those that are new. */
  mean(symbols) {
    const known = new Set(this.#symbols);
    const added = symbols.filter((symbol) => !known.has(symbol));
    const meant = new Set(symbols);
    for (const symbol of this.#symbols) if (!meant.has(symbol)) this.#forget(symbol);
    this.#symbols = symbols;
    return added;
  }

  /** Let it begin with the next snapshot of a symbol: what comes until then is not every tick. */
  wait(symbol) {
    this.#waits.add(symbol);
  }

  isWaiting(symbol) {
    return this.#waits.has(symbol);
  }

  /** Whether it has had no value of the symbol yet. */
  isNew(symbol) {
    return !this.#seen.has(symbol);
  }

  /** A value has come. @param {any} value @param {number} everyMs 0 if it comes no faster than wanted. */
  offer(value, everyMs) {
    this.#waits.delete(value.symbol);
    this.#seen.add(value.symbol);
    if (everyMs > 0) this.#throttle.offer(value.symbol, value, everyMs);
    else this.#pass(value);
  }

  /** A message has been read to its end. */
  flush() {
    if (this.#batch.length === 0) return;
    const all = this.#batch;
    this.#batch = [];
    this.#call(this.#handler, all);
  }

  /** @param {string} symbol @param {import("../prices/states.js").State} now */
  review(symbol, now) {
    if (this.#on.state === undefined || this.closed) return;
    const told = this.#told.get(symbol);
    if (told?.state === now.state && told.reason === now.reason) return;
    this.#told.set(symbol, now);
    this.#call(this.#on.state, { symbol, ...now });
  }

  /** @param {object} gap */
  gap(gap) {
    this.#call(this.#on.gap, gap);
  }

  /** @param {import("../index.js").StreamError} error */
  refused(error) {
    this.#call(this.#on.error, error);
  }

  /** Nothing comes any more. @param {Error} [error] Why, if the caller did not end it. */
  end(error) {
    this.closed = true;
    this.onEnd?.();
    this.#throttle.clear();
    this.#queue?.end(error);
  }

  [Symbol.asyncIterator]() {
    const queue = this.#queue;
    if (queue === null) throw new TypeError("this subscription has a handler; leave it out to iterate");
    return {
      next: () => queue.next(),
      return: async () => {
        this.unsubscribe();
        return { value: undefined, done: true };
      },
    };
  }

  #pass(value) {
    if (this.#queue !== null) this.#queue.push(value);
    else if (this.options.batch) this.#batch.push(value);
    else this.#call(this.#handler, value);
  }

  #forget(symbol) {
    this.#told.delete(symbol);
    this.#waits.delete(symbol);
    this.#seen.delete(symbol);
  }

  #call(handler, value) {
    if (handler === undefined || this.closed) return;
    try {
      handler(value);
    } catch (error) {
      report(error);
    }
  }
}
