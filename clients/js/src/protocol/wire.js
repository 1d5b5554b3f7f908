// What this connection holds, and the commands that make it what the callers want. It never sees a socket.

import { commandsFor, grouped, MOST_NAMES, subscribeMessage, unsubscribeMessage } from "./commands.js";
import { EVERY, keyOf, merged, TICKER } from "./options.js";
import { Named, channelOf, keyOfName, nameOf } from "./named.js";
import { ALL, lookUp, settle, upper } from "./names.js";
import { due } from "./wants.js";

const RATE_LIMITED_MS = 1000; // doubled each time

/**
 * @typedef {object} Listener
 * @property {(message: object) => void} send
 * @property {() => void} resolved Names mean symbols now that they did not mean before, or the other way round.
 * @property {(channel: string, symbol: string, how: { every: boolean, resumed: boolean }) => void} subscribed
 * @property {(error: import("../index.js").StreamError) => void} refused
 * @property {() => string[]} followed The symbols of which every tick has come.
 * @property {(symbol: string) => number | undefined} position The seq of the last tick, of those.
 * @property {(gap: object) => void} gap
 */
export class Wire {
  #listener;
  #time;
  #open = false;
  #wanted = new Map();
  #named = new Named();
  #held = new Map(); // of a symbol: its options
  #asked = new Map(); // commands without an answer, by id
  #ids = 0;
  #refusals = 0;
  #again = null;
  #resynced = false;

  /** @param {Listener} listener */
  constructor(listener, time) {
    this.#listener = listener;
    this.#time = time;
  }

  /** A new connection holds nothing. */
  opened() {
    this.lost();
    this.#open = true;
    this.#resynced = false;
    this.#refusals = 0;
    // A position of each of very many symbols would be too long for one command about all of them.
    this.#named.opened({ keepAll: this.#listener.followed().length > MOST_NAMES });
    this.#sync();
  }

  /** The connection has ended. */
  lost() {
    this.#open = false;
    this.#held.clear();
    this.#asked.clear();
    this.#time.clearTimeout(this.#again);
    this.#again = null;
  }

  /** @param {Map<string, import("./options.js").Options>} wanted By `keyOfName`. */
  want(wanted) {
    this.#wanted = wanted;
    this.#named.keep(wanted);
    this.#sync();
  }

  /** @returns {string[]} The symbols that a name means; none as long as that is not known. */
  symbolsOf(channel, name) {
    return this.#named.symbolsOf(keyOfName(channel, name)) ?? [];
  }

  /** @returns {import("../index.js").StreamError | undefined} Why this connection does not have it, if it was refused. */
  refusalOf(channel, name) {
    return this.#named.refusalOf(keyOfName(channel, name));
  }

  /** @returns {import("./options.js").Options | undefined} With what the symbol is held. */
  optionsOf(channel, symbol) {
    return this.#held.get(keyOfName(channel, symbol));
  }

  /** @returns {boolean} Whether the message was an answer to one of its commands. */
  received(message) {
    const command = this.#asked.get(message.id);
    switch (message.type) {
      case "subscribed":
        if (command) this.#subscribed(command, message.symbols);
        break;
      case "symbols":
        if (!command) return false;
        this.#listed(command, message);
        break;
      case "unsubscribed":
        if (message.id === undefined) this.#dropped(message.channel ?? TICKER, message.symbols);
        else this.#asked.delete(message.id);
        break;
      case "error":
        if (message.code === "rate_limited") this.#repeatLater();
        if (!command) return false;
        this.#failed(command, message);
        break;
      default:
        return false;
    }
    return true;
  }

  #sync() {
    if (!this.#open) return;
    this.#recognise();
    const { symbols, names } = due(this.#wanted, this.#named);
    const surplus = [...this.#held.keys()].filter((key) => !symbols.has(key) && !this.#isLookedUp(key));
    for (const [channel, keys] of grouped(surplus, channelOf)) this.#unsubscribe(channel, keys.map(nameOf));
    // What is named beside all symbols is looked at when all are there.
    const waits = (key) => nameOf(key) !== ALL && names.has(keyOfName(channelOf(key), ALL));
    const unresolved = [...names.keys()].filter((key) => !this.#isAsked(key) && !waits(key));
    // A name may mean a symbol of which every tick comes: that must go on.
    const every = new Set([...this.#held].filter(([, { conflate }]) => !conflate).map(([key]) => channelOf(key)));
    for (const key of unresolved) if (every.has(channelOf(key))) names.set(key, merged(names.get(key), EVERY));
    this.#subscribeAll(unresolved, names, true);
    const changed = [...symbols.keys()].filter((key) => {
      if (waits(key)) return false;
      const held = this.#held.get(key);
      return held === undefined || keyOf(held) !== keyOf(/** @type {import("./options.js").Options} */ (symbols.get(key)));
    });
    this.#subscribeAll(changed, symbols, false);
  }

  // The full name of a symbol that is held means that symbol.
  #recognise() {
    const unknown = [...this.#wanted.keys()].filter((key) => this.#named.symbolsOf(key) === undefined);
    if (unknown.length === 0 || this.#held.size === 0) return;
    const held = new Map([...this.#held.keys()].map((key) => [upper(key), nameOf(key)]));
    for (const key of unknown) {
      const symbol = held.get(upper(key));
      if (symbol !== undefined) this.#named.means(channelOf(key), nameOf(key), [symbol]);
    }
  }

  // Its name is among those that are looked up in the gateway's list.
  #isLookedUp(key) {
    for (const { got, channel } of this.#asked.values()) if (got?.has(nameOf(key)) && channel === channelOf(key)) return true;
    return false;
  }

  #isAsked(key) {
    for (const { byName, keys } of this.#asked.values()) if (byName && keys.has(key)) return true;
    return false;
  }

  #subscribeAll(keys, options, byName) {
    for (const command of commandsFor(keys, options, this.#held, byName)) this.#subscribe(command);
  }

  #subscribe(command) {
    const id = `subscribe-${++this.#ids}`;
    command.id = id;
    this.#asked.set(id, command);
    command.since = this.#since(command);
    if (!command.byName) for (const key of command.keys) this.#held.set(key, command.options);
    this.#listener.send(subscribeMessage(command));
  }

  #since({ channel, names, options, snapshot }) {
    if (channel !== TICKER || options.conflate || !snapshot) return {};
    const symbols = names.includes(ALL) ? this.#listener.followed() : names;
    const positions = symbols.map((symbol) => [symbol, this.#listener.position(symbol)]);
    return Object.fromEntries(positions.filter(([, seq]) => seq !== undefined));
  }

  #unsubscribe(channel, symbols) {
    const id = `unsubscribe-${++this.#ids}`;
    for (const symbol of symbols) this.#held.delete(keyOfName(channel, symbol));
    const message = unsubscribeMessage({ id, channel, symbols });
    this.#listener.send(message);
    this.#asked.set(id, { id, message });
  }

  #subscribed(command, symbols) {
    const { channel, names, options, byName } = command;
    for (const symbol of symbols) {
      if (byName) this.#held.set(keyOfName(channel, symbol), options);
      this.#listener.subscribed(channel, symbol, { every: !options.conflate, resumed: symbol in command.since });
    }
    if (!byName) {
      const got = new Set(symbols);
      command.left = names.filter((name) => !got.has(name));
      if (command.left.length === 0) this.#asked.delete(command.id);
      return; // else an error follows
    }
    if (names.includes(ALL)) {
      this.#named.means(channel, ALL, symbols);
      return this.#settled(command);
    }
    const { found, left } = settle(names, symbols);
    for (const [name, symbol] of found) this.#named.means(channel, name, [symbol]);
    command.left = left;
    if (left.length === 0) return this.#settled(command);
    command.got = new Set(symbols);
    this.#listener.send({ type: "symbols", id: command.id });
    this.#listener.resolved();
  }

  // The gateway's list tells which of the names that are left mean a symbol.
  #listed(command, { symbols, more }) {
    command.listing.push(...symbols);
    if (more) return;
    for (const name of command.left) {
      const symbol = lookUp(name, command.listing);
      if (command.got.has(symbol)) this.#named.means(command.channel, name, [symbol]);
      else this.#refuse(command.channel, name, command.error);
    }
    this.#settled(command);
  }

  #settled(command) {
    this.#asked.delete(command.id);
    this.#sync();
    this.#listener.resolved();
  }

  #failed(command, error) {
    if (command.byName && command.left !== null) {
      command.error = error; // the list says which names it is about
      return;
    }
    this.#asked.delete(command.id);
    if (command.keys === undefined) return; // of an unsubscribe: what is not held is not there
    if (!command.byName) for (const name of command.left ?? command.names) this.#held.delete(keyOfName(command.channel, name));
    if (error.code === "bad_message" && Object.keys(command.since).length > 0) {
      // An older gateway, or a name that means something else there: begin anew, and say what may be missing.
      for (const [symbol, seq] of Object.entries(command.since)) {
        this.#listener.gap({ type: "gap", symbol, from_seq: seq + 1 });
      }
      return this.#sync();
    }
    if (error.code === "too_many_options" && !this.#resynced) {
      this.#resynced = true; // on the way from some sets to others there were too many
      for (const channel of new Set([...this.#held.keys(), ...command.keys].map(channelOf))) this.#unsubscribe(channel, [ALL]);
      this.#held.clear();
      return this.#sync();
    }
    for (const name of command.left ?? command.names) {
      if (command.byName) this.#refuse(command.channel, name, error);
      else this.#unknown(command.channel, name, error);
    }
    this.#settled(command);
  }

  #refuse(channel, name, error) {
    const code = error?.code ?? "unknown_symbol";
    const refusal = { code, message: error?.message ?? `unknown symbol: ${name}`, name, channel };
    this.#named.refuse(refusal);
    this.#listener.refused(refusal);
  }

  #unknown(channel, symbol, error) {
    for (const name of this.#named.lose(channel, symbol)) this.#refuse(channel, name, error);
  }

  // The gateway has taken them away.
  #dropped(channel, symbols) {
    for (const symbol of symbols) {
      this.#held.delete(keyOfName(channel, symbol));
      this.#unknown(channel, symbol, { code: "unknown_symbol", message: `no longer served, or no longer allowed: ${symbol}` });
    }
    this.#sync();
    this.#listener.resolved();
  }

  // The gateway did not read one of the commands, and does not say which.
  #repeatLater() {
    this.#again ??= this.#time.setTimeout(() => {
      this.#again = null;
      for (const command of this.#asked.values()) {
        if (command.message) this.#listener.send(command.message);
        else if (command.left !== null && command.byName) this.#listener.send({ type: "symbols", id: command.id });
        else {
          command.since = this.#since(command);
          this.#listener.send(subscribeMessage(command));
        }
      }
    }, RATE_LIMITED_MS * 2 ** Math.min(this.#refusals++, 5));
  }
}
