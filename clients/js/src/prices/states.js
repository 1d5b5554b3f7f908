// Whether each symbol's price is current: of its own state, its venue's, and the connection's.

/** What one gateway said holds so long for the next to say it, if the first said goodbye. */
export const GRACE_MS = 1000;
const SETTLED_MS = 1000; // after resuming: what was missed has begun to come by then, if anything was
const OLD_MS = 2500;
const DEFAULT_VENUE = "binance";

/** @typedef {{ state: import("../index.js").SymbolState, reason: string, sinceUs?: number }} State */

export class States {
  #time;
  #clock;
  #symbols = new Map();
  #connection = 0; // counts them
  #trouble = "connecting";
  #troubleMs = -Infinity; // from when on
  #graceMs = -Infinity;
  /** @type {Map<string, import("../protocol/messages.js").StatusMessage>} */
  venues = new Map();

  constructor(time, clock) {
    this.#time = time;
    this.#clock = clock;
  }

  /** What is wrong with the connection, in words, in so long; "" if it works. @param {string} reason */
  troubled(reason, afterMs = 0) {
    this.#trouble = reason;
    this.#troubleMs = this.#time.nowMs() + afterMs;
  }

  /** A new connection: what was said on earlier ones counts no more, or a moment longer if it was `planned`. */
  opened(planned) {
    this.#connection++;
    if (planned) this.#graceMs = this.#time.nowMs() + GRACE_MS;
    else this.venues.clear();
  }

  /** @param {import("../protocol/messages.js").StatusMessage} status */
  venue(status) {
    const venue = status.venue ?? DEFAULT_VENUE;
    if (status.served === false) this.venues.delete(venue);
    else this.venues.set(venue, status);
  }

  /** @param {import("../protocol/messages.js").SymbolStatusMessage} status */
  symbol(status) {
    const one = this.#one(status.symbol);
    this.#anew(one);
    one.status = status.state === "live" ? null : status;
  }

  /** A price has come. @returns {boolean} Whether the symbol's state may be another now. */
  priced(tick) {
    const one = this.#one(tick.symbol);
    if (one.connection === this.#connection && one.priced && one.settledMs === 0) return false;
    this.#anew(one);
    one.priced = true;
    if (one.settledMs > 0) {
      const old = this.#clock.nowUs() - tick.recv_us > OLD_MS * 1000;
      one.settledMs = old ? this.#time.nowMs() + SETTLED_MS : 0;
    }
    return true;
  }

  /** The symbol goes on where it was, without a snapshot. */
  resumed(symbol) {
    const one = this.#one(symbol);
    const carried = this.#carried(one);
    this.#anew(one);
    one.priced = true;
    one.settledMs = carried ? 0 : this.#time.nowMs() + SETTLED_MS;
  }

  /** Whether some state changes by time alone. */
  get unsettled() {
    const nowMs = this.#time.nowMs();
    if (nowMs < this.#graceMs || (this.#trouble && nowMs < this.#troubleMs)) return true;
    for (const { settledMs } of this.#symbols.values()) if (settledMs > nowMs) return true;
    return false;
  }

  /** @param {string} symbol @returns {State} */
  of(symbol) {
    if (this.#trouble && this.#time.nowMs() >= this.#troubleMs) return { state: "stale", reason: this.#trouble };
    const one = this.#one(symbol);
    const known = one.connection === this.#connection || this.#carried(one);
    if (known && one.status !== null) return said(one.status.state, one.status);
    const venue = this.venues.get(venueOf(symbol));
    if (venue?.feed === "stale") return said("stale", venue);
    if (!known || !one.priced) return { state: "stale", reason: "no price yet" };
    if (one.settledMs > this.#time.nowMs()) return { state: "stale", reason: "catching up" };
    return { state: "live", reason: venue?.reason ?? "" };
  }

  /** @param {string} symbol @returns {string} As in `status`: `simulated`, `binance-ws` …; "" if unknown. */
  sourceOf(symbol) {
    return this.venues.get(venueOf(symbol))?.source ?? "";
  }

  /** Nobody wants it any more. */
  forget(symbol) {
    this.#symbols.delete(symbol);
  }

  #carried(one) {
    return one.connection === this.#connection - 1 && this.#time.nowMs() < this.#graceMs;
  }

  #anew(one) {
    if (one.connection === this.#connection) return;
    Object.assign(one, unknown(this.#connection));
  }

  #one(symbol) {
    let one = this.#symbols.get(symbol);
    if (one === undefined) this.#symbols.set(symbol, (one = unknown(-1)));
    return one;
  }
}

/** What is wrong with a connection, in words; "" if nothing. @param {import("../index.js").ConnectionState} state */
export function troubleOf(state) {
  switch (state.name) {
    case "open":
      return "";
    case "silent":
      return "nothing comes from the gateway";
    case "connecting":
      return "connecting";
    case "waiting":
      return `no connection: ${state.reason}`;
    case "closed":
      return `closed: ${state.reason}`;
  }
}

function unknown(connection) {
  return { connection, priced: false, status: null, settledMs: 0 };
}

function said(state, { reason, since_us }) {
  return { state, reason, sinceUs: since_us };
}

function venueOf(symbol) {
  const colon = symbol.indexOf(":");
  return colon < 0 ? DEFAULT_VENUE : symbol.slice(0, colon);
}
