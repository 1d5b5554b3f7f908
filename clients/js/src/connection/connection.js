// The connection to any gateway behind a URL. It is made again whenever it ends, by the rules of docs/protocol.md.
//
// When a gateway says that it goes away, the next connection is made first, and the old one goes on until that is there.

import { Backoff } from "./backoff.js";
import { afterClose, reasonOf } from "./close_codes.js";
import { Link, numbered } from "./link.js";
import { GRACE_MS } from "../prices/states.js";
import { renewAfterMs } from "./token.js";

const STEADY_MS = 10_000; // a connection that lasted so long resets the backoff
const AT_ONCE_AFTER_MS = 1000;
const GOING_AWAY = 1012;
const TOKEN_WITHIN_MS = 30_000;

/**
 * @typedef {import("../index.js").ConnectionState} State
 * @typedef {object} Listener
 * @property {(changed: { planned: boolean }) => void} opened A new connection, which holds nothing yet; `planned` if it
 *   took over from one that still worked.
 * @property {(message: any) => void} received
 * @property {(state: State, graceMs: number) => void} changed Prices are as current for so long as they were before.
 */
export class Connection {
  #url;
  #how;
  #token;
  #time;
  #clock;
  #listener;
  #backoff;
  #attempt = 0; // 0 for the very first connection; then counts from 1 since there was one
  /** @type {Link | null} */
  #link = null; // the one that is open
  /** @type {any} */
  #dialled = null; // the one that is being opened: a link, or {} while a token is fetched
  #openedMs = 0;
  #leftMs = -Infinity; // when a gateway said goodbye
  #timer = null;
  #renewal = null;
  #shown; // the token that counts
  #online = () => this.#timer !== null && this.#dial();
  /** @type {State} */
  state = { name: "connecting" };

  /**
   * @param {string} url
   * @param {{ WebSocket: any, time: any, clock: any, token: import("./token.js").Token, listener: Listener }} how
   */
  constructor(url, { WebSocket, time, clock, token, listener }) {
    this.#url = url;
    this.#how = { WebSocket, time, clock };
    this.#time = time;
    this.#clock = clock;
    this.#token = token;
    this.#listener = listener;
    this.#backoff = new Backoff({ random: time.random });
  }

  start() {
    // The network is back: no need to sit out the pause.
    globalThis.addEventListener?.("online", this.#online);
    this.#dial();
  }

  /** @param {object} message Sent if there is a connection, else forgotten: whoever has to say it says it when opened. */
  send(message) {
    this.#link?.send(message);
  }

  /** End it for good. */
  close(reason = "closed by this program", code = 1000) {
    if (this.state.name === "closed") return;
    globalThis.removeEventListener?.("online", this.#online);
    this.#wait(null);
    this.#time.clearTimeout(this.#renewal);
    this.#link?.drop();
    this.#dialled?.drop?.();
    this.#link = this.#dialled = null;
    this.#enter({ name: "closed", reason, code });
  }

  async #dial() {
    this.#wait(null);
    this.#dialled?.drop?.();
    const mine = (this.#dialled = {});
    if (this.#link === null) this.#enter({ name: "connecting" });
    const failed = (why) => this.#dialled === mine && this.#failed(0, `no token: ${why}`);
    this.#timer = this.#time.setTimeout(() => failed("the token function does not answer"), TOKEN_WITHIN_MS);
    let token;
    try {
      token = await this.#token.get();
    } catch (error) {
      failed(said(error));
      return;
    }
    if (this.#dialled !== mine) return; // closed, or another attempt has begun
    this.#wait(null);
    try {
      const url = numbered(this.#url, this.#attempt++);
      this.#dialled = new Link(url, { ...this.#how, token, listener: this.#events(token) });
    } catch (error) {
      // A URL that is none, or a page over TLS that may not open it: no attempt can be better.
      this.close(`cannot connect to ${this.#url}: ${said(error)}`, 0);
    }
  }

  #events(token) {
    return {
      welcomed: (link) => this.#welcomed(link, token),
      received: (message, link) => link === this.#link && this.#received(message),
      silence: (link) => link === this.#link && this.#enter({ name: link.silent ? "silent" : "open" }),
      ended: (link, code, reason) => this.#ended(link, code, reason),
    };
  }

  #welcomed(link, token) {
    if (link !== this.#dialled) return link.drop();
    const planned = this.#link !== null ? !this.#link.silent : this.#time.nowMs() - this.#leftMs < GRACE_MS;
    this.#wait(null);
    this.#link?.drop();
    this.#link = link;
    this.#dialled = null;
    this.#attempt = 1;
    this.#shown = token;
    this.#openedMs = this.#time.nowMs();
    this.#time.clearTimeout(this.#renewal);
    // First what it means, then that it is: nothing that was said before counts as current meanwhile.
    this.#listener.opened({ planned });
    this.#enter({ name: "open" });
  }

  #received(message) {
    switch (message.type) {
      case "shutdown":
        // Prices go on until the close, so this one stays until the next is there.
        if (this.#dialled === null) this.#wait(Math.max(0, Number(message.reconnect_after_ms) || 0));
        break;
      case "expiring":
        this.#renewLater(message.expires_us);
        break;
      default:
        this.#listener.received(message);
    }
  }

  #renewLater(expiresUs) {
    if (!this.#token.renewable) return;
    const leftMs = (expiresUs - this.#clock.nowUs()) / 1000;
    this.#time.clearTimeout(this.#renewal);
    this.#renewal = this.#time.setTimeout(() => this.#renew(expiresUs), renewAfterMs(leftMs, this.#time.random));
  }

  async #renew(expiresUs) {
    const link = this.#link;
    let token;
    try {
      token = await this.#token.get();
    } catch {
      token = undefined; // asked again, until the old one has expired
    }
    if (link === null || link !== this.#link) return;
    if (token === undefined || token === this.#shown) this.#renewLater(expiresUs);
    else link.send({ type: "auth", token: (this.#shown = token), id: "auth" });
  }

  #ended(link, code, reason) {
    if (link === this.#dialled) {
      this.#dialled = null;
      this.#failed(code, reason);
    } else if (link === this.#link) {
      this.#link = null;
      this.#time.clearTimeout(this.#renewal);
      if (code === GOING_AWAY) this.#leftMs = this.#time.nowMs();
      const lastedMs = this.#time.nowMs() - this.#openedMs;
      if (lastedMs > STEADY_MS) this.#backoff.reset();
      if (this.#dialled !== null) this.#enter({ name: "connecting" });
      else this.#failed(code, reason, lastedMs);
    }
  }

  // Nothing is being opened any more: when to try again, if at all.
  #failed(code, text, lastedMs = 0) {
    const reason = reasonOf(code, text);
    const { again, attempts } = afterClose(code, { renewable: this.#token.renewable });
    if (again === "never") return this.close(reason, code);
    this.#dialled = null;
    this.#backoff.atLeast(attempts);
    // A front that leads to gateways which all go away is not asked as fast as it answers.
    const pauseMs = again === "at once" && lastedMs > AT_ONCE_AFTER_MS ? 0 : this.#backoff.next();
    this.#wait(pauseMs);
    if (this.#link === null) {
      this.#enter({ name: "waiting", reason, code, untilMs: this.#time.nowMs() + pauseMs });
    }
  }

  #wait(pauseMs) {
    this.#time.clearTimeout(this.#timer);
    this.#timer = null;
    if (pauseMs === null) return;
    this.#timer = this.#time.setTimeout(() => this.#dial(), pauseMs);
  }

  #enter(state) {
    this.state = state;
    // Who said goodbye kept prices current to the end.
    const graceMs = Math.max(0, this.#leftMs + GRACE_MS - this.#time.nowMs());
    this.#listener.changed(state, state.name === "closed" ? 0 : graceMs);
  }
}

/** @param {any} error */
function said(error) {
  return error?.message ?? String(error);
}
