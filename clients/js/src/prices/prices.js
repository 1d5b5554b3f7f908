// The last value of each symbol in each channel, and what of that is new to the callers.

import { keyOfName } from "../protocol/named.js";

const BEHIND_US = 5_000_000; // one gateway is behind another by milliseconds; this is no matter of seconds

export class Prices {
  #last = new Map();
  #followed = new Map(); // of a symbol of which every tick has come so far: the last seq

  /** @returns {any} The last value; undefined before the first. */
  last(channel, symbol) {
    return this.#last.get(keyOfName(channel, symbol));
  }

  /**
   * A value has come.
   *
   * @returns {boolean} False if it is no newer than the last one, as after a change to a gateway that is behind.
   */
  put(channel, value) {
    const key = keyOfName(channel, value.symbol);
    const last = this.#last.get(key);
    if (last !== undefined && isOld(value, last)) return false;
    this.#last.set(key, value);
    return true;
  }

  /** Every tick of the symbol has come, up to `seq`, and does from now on. */
  follow(symbol, seq) {
    this.#followed.set(symbol, seq);
  }

  /** Newer ticks may replace others from now on. */
  unfollow(symbol) {
    this.#followed.delete(symbol);
  }

  /** @returns {number | undefined} The seq of the last tick of a symbol of which every tick came. */
  position(symbol) {
    return this.#followed.get(symbol);
  }

  followed() {
    return [...this.#followed.keys()];
  }

  /** @param {(channel: string, symbol: string) => boolean} isWanted */
  keep(isWanted) {
    for (const key of [...this.#last.keys()]) {
      const space = key.indexOf(" ");
      if (!isWanted(key.slice(0, space), key.slice(space + 1))) this.#last.delete(key);
    }
  }
}

function isOld(value, last) {
  // Other channels number nothing; they send again what another caller's wish has asked for.
  if (last.seq === undefined) return Object.keys(value).every((key) => key === "type" || value[key] === last[key]);
  // A lower seq alone may also mean that the numbering has begun anew.
  if (value.seq === last.seq) return value.recv_us === last.recv_us;
  return value.seq < last.seq && value.recv_us <= last.recv_us && last.recv_us - value.recv_us < BEHIND_US;
}
