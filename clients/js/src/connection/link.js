// One WebSocket, from its first byte to its end. What follows an end is decided in connection.js.

import { Liveness } from "./liveness.js";

const WELCOME_WITHIN_MS = 10_000;
const LOST = 1006;
// The clock is asked for at once, twice more soon, and then now and then: the best of several answers counts.
const CLOCK_AFTER_MS = [0, 500, 2000];
const CLOCK_EVERY_MS = 60_000;

/**
 * The URL with `attempt=N` for the gateway's metrics, or as it is at the first attempt. What the caller has in the query
 * stays byte for byte, also an `attempt` of its own. No URL object: a page may give a relative one.
 *
 * @param {string} url @param {number} attempt
 */
export function numbered(url, attempt) {
  const [, path, query = "", fragment] = /^([^?#]*)(?:\?([^#]*))?(.*)$/s.exec(url) ?? [];
  if (attempt === 0 || new URLSearchParams(query).has("attempt")) return url;
  return `${path}?${query}${query && !query.endsWith("&") ? "&" : ""}attempt=${attempt}${fragment}`;
}

/**
 * @typedef {object} Listener What a link tells.
 * @property {(link: Link) => void} welcomed The gateway is there: commands may be sent.
 * @property {(message: any, link: Link) => void} received Any message but `welcome` and `pong`.
 * @property {(link: Link) => void} silence `link.silent` has changed.
 * @property {(link: Link, code: number, reason: string) => void} ended Once, unless it was dropped.
 */
export class Link {
  #socket;
  #listener;
  #time;
  #clock;
  #token;
  /** @type {Liveness | null} */
  #liveness = null;
  #timer = null;
  #clockTimer = null;
  #clocks = 0;
  #pings = new Map();
  #lastPing = 0;
  #dialledMs;
  #trouble = "";
  /** Whether nothing has come for so long that what is known counts as old. */
  silent = false;
  welcomed = false;

  /**
   * @param {string} url
   * @param {{ WebSocket: any, time: any, clock: import("./clock.js").Clock, token?: string, listener: Listener }} how
   */
  constructor(url, { WebSocket, time, clock, token, listener }) {
    this.#time = time;
    this.#clock = clock;
    this.#token = token;
    this.#listener = listener;
    this.#dialledMs = time.nowMs();
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#received(event.data);
    socket.onerror = (event) => (this.#trouble = event?.message ?? "");
    socket.onclose = (event) => this.#ended(event.code || LOST, event.reason || this.#trouble);
    this.#timer = time.setTimeout(() => this.#ended(LOST, "no answer from the gateway"), WELCOME_WITHIN_MS);
  }

  /** @param {object} message */
  send(message) {
    // A command that meets a closing socket is sent again over the next one.
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  /** Let go of it, without a word to the listener. A dead peer would keep a closing socket for a minute. */
  drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#time.clearTimeout(this.#timer);
    this.#time.clearTimeout(this.#clockTimer);
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // some fail once more while they close
    socket.close();
  }

  #opened() {
    if (this.#token !== undefined) this.send({ type: "auth", token: this.#token, id: "auth" });
  }

  #received(data) {
    const nowMs = this.#time.nowMs();
    this.#liveness?.heard(nowMs);
    if (this.silent) this.#silence(false);
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not ours to understand; the next one may be
    }
    if (message === null || typeof message !== "object") return;
    if (message.type === "welcome") this.#welcome(message, nowMs);
    else if (message.type === "pong") this.#pong(message, nowMs);
    else if (this.welcomed) this.#listener.received(message, this);
  }

  #welcome({ heartbeat_s, server_us }, nowMs) {
    if (this.welcomed) return;
    this.welcomed = true;
    this.#time.clearTimeout(this.#timer);
    const liveness = (this.#liveness = new Liveness(heartbeat_s > 0 ? heartbeat_s : 20, nowMs));
    this.#clock.sample(this.#dialledMs, nowMs, server_us);
    this.#watch(liveness);
    this.#listener.welcomed(this);
    this.#askForTheTime();
  }

  #pong({ id, server_us }, nowMs) {
    const sentMs = this.#pings.get(id);
    if (sentMs === undefined) return;
    this.#pings.delete(id);
    this.#clock.sample(sentMs, nowMs, server_us);
  }

  #ping() {
    const id = `ping-${++this.#lastPing}`;
    this.#pings.set(id, this.#time.nowMs());
    this.send({ type: "ping", id });
  }

  #askForTheTime() {
    const afterMs = CLOCK_AFTER_MS[this.#clocks++] ?? CLOCK_EVERY_MS;
    this.#clockTimer = this.#time.setTimeout(() => {
      this.#ping();
      this.#askForTheTime();
    }, afterMs);
  }

  #watch(liveness) {
    this.#timer = this.#time.setTimeout(() => {
      const { ask, silent, dead } = liveness.check(this.#time.nowMs());
      if (dead) return this.#ended(LOST, "nothing came from the gateway any more");
      if (ask) this.#ping();
      if (silent && !this.silent) this.#silence(true);
      this.#watch(liveness);
    }, liveness.everyMs);
  }

  #silence(silent) {
    this.silent = silent;
    this.#listener.silence(this);
  }

  #ended(code, reason) {
    if (this.#socket === null) return;
    this.drop();
    this.#listener.ended(this, code, reason);
  }
}
