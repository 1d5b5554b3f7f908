// The connection to a gateway. It is made again whenever it ends, with backoff. The prices' messages are not its business.
//
// It is not that of clients/js, which follows the same rules in three times the code (states, tokens that renew, resuming)
// and keeps to itself what this page shows: messages as they are, bytes, the round trip, and why a gateway refuses. The
// wheel, which has this page, would need those modules too, and the page, which is one script, names of their own in each.

import { whyRefused } from "./refusal.js";

const CONNECT_TIMEOUT_MS = 10_000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 30_000;
const STEADY_MS = 10_000; // a connection that lasted this long resets the backoff
// Parts of the gateway's heartbeat, which is 20 s. A network that loses everything tells neither end.
const PING_AFTER = 0.1; // of silence: ask
const ANSWER_WITHIN = 0.15; // of the question: the connection is dead
const CLOCK_MS = 60_000; // clocks drift
const MEASURE_MS = 5_000; // between two measurements of the way to the gateway and back, while the page is seen

// Close codes after which another attempt cannot help; all others are retried.
const FINAL = {
  1009: "A message was larger than the gateway takes.",
  4401: "The token was refused, or has expired.",
  4403: "You are not allowed to see these prices.",
  4410: "An operator has ended this connection.",
};
const REASONS = {
  1006: "The connection was lost.",
  1012: "The gateway is restarting.",
  1013: "The token cannot be checked now.",
  4408: "This page could not keep up.",
  4409: "The gateway waited too long for this page.",
  4429: "Too many requests.",
};

/**
 * Calls `onMessage(message, text)` for each message and `onState(state)` at each change, where state is
 * {name: "connecting"}, {name: "open"}, {name: "waiting", reason, until} (a time of `performance.now()`),
 * or {name: "ended", reason, locked}, where `locked` says whether a token would help. Each has a `refusal`: why the
 * gateway refused the last attempt; empty if it did not. `onSend(text)` is told what is sent.
 */
export class Connection {
  messages = 0; // so far
  bytes = 0;
  roundTripMs = NaN;
  offsetUs = NaN; // the gateway's clock less ours; NaN if the gateway does not tell its time
  #url;
  #onMessage;
  #onState;
  #onSend;
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #openedAt = 0;
  #receivedAt = 0;
  #heartbeatMs = 30_000;
  #pingedAt = 0; // of a question that nothing has followed yet
  #askedAt = 0; // of the last question
  #answered = true;
  #clockTripMs = Infinity;
  #clockUntil = 0;
  #returnAt = 0;
  #refusal = "";
  #state = null;

  constructor(url, { onMessage, onState, onSend = () => {} }) {
    this.#url = url;
    this.#onMessage = onMessage;
    this.#onState = onState;
    this.#onSend = onSend;
    setInterval(() => this.#watch(), 500);
    // The network is back: no need to sit out the wait.
    addEventListener("online", () => this.#timer && this.connect());
  }

  connect() {
    this.#drop();
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#returnAt = 0;
    this.#openedAt = 0;
    this.#pingedAt = 0;
    this.#receivedAt = performance.now();
    this.roundTripMs = this.offsetUs = NaN;
    this.#clockTripMs = Infinity;
    this.#enter({ name: "connecting" });
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
  }

  // Stay away until `connect`: only a token would help.
  lock(reason) {
    this.#drop();
    this.#enter({ name: "ended", reason, locked: true });
  }

  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const text = JSON.stringify(message);
    this.#socket.send(text);
    this.#onSend(message.type === "auth" ? '{"type":"auth","token":"…"}' : text);
  }

  #receive(text) {
    this.#receivedAt = performance.now();
    this.#pingedAt = 0;
    this.messages++;
    this.bytes += text.length;
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // not ours to understand; the next one may be
    }
    if (message === null || typeof message !== "object") return;
    if (message.type === "welcome") {
      this.#openedAt = this.#receivedAt;
      this.#askedAt = this.#receivedAt - MEASURE_MS + 700; // soon, but not among all that a start brings
      this.#answered = true;
      this.#refusal = "";
      if (message.heartbeat_s > 0) this.#heartbeatMs = message.heartbeat_s * 1000;
      this.#setClock(message.server_us, Infinity);
      this.#enter({ name: "open" });
    } else if (message.type === "shutdown") {
      this.#returnAt = this.#receivedAt + Math.max(0, Number(message.reconnect_after_ms) || 0);
    } else if (message.type === "pong" && !this.#answered) {
      this.#answered = true;
      this.roundTripMs = this.#receivedAt - this.#askedAt;
      this.#setClock(message.server_us, this.roundTripMs);
    }
    this.#onMessage(message, text);
  }

  // An answer that was long under way says little of the other clock: the quickest of a minute counts.
  #setClock(serverUs, tripMs) {
    const now = performance.now();
    if (!Number.isSafeInteger(serverUs) || (tripMs > this.#clockTripMs && now < this.#clockUntil)) return;
    this.#clockTripMs = tripMs;
    this.#clockUntil = now + CLOCK_MS;
    this.offsetUs = serverUs - (Date.now() - (Number.isFinite(tripMs) ? tripMs / 2 : 0)) * 1000;
  }

  #watch() {
    if (this.#socket === null) return;
    const now = performance.now();
    const silent = now - this.#receivedAt;
    if (this.#returnAt && now >= this.#returnAt) this.connect();
    else if (!this.#openedAt && silent > CONNECT_TIMEOUT_MS) this.#closed(1006, "No answer from the gateway.");
    else if (this.#openedAt && this.#pingedAt) {
      // From the question on, not from the last message: in a hidden tab this runs once a minute.
      if (now - this.#pingedAt > ANSWER_WITHIN * this.#heartbeatMs) this.#closed(1006, "The connection went silent.");
    } else if (this.#openedAt) {
      const measures = !document.hidden && now - this.#askedAt > MEASURE_MS;
      if (!measures && silent <= PING_AFTER * this.#heartbeatMs) return;
      this.#pingedAt = this.#askedAt = now;
      this.#answered = false;
      this.send({ type: "ping" });
    }
  }

  #closed(code, reason) {
    this.#drop();
    const now = performance.now();
    if (code in FINAL) {
      this.#enter({ name: "ended", reason: FINAL[code], locked: code === 4401 });
      return;
    }
    if (this.#openedAt && now - this.#openedAt > STEADY_MS) this.#attempt = 0;
    let wait;
    if (this.#returnAt) wait = Math.max(0, this.#returnAt - now);
    else wait = Math.random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** this.#attempt++);
    this.#enter({ name: "waiting", reason: REASONS[code] ?? reason ?? "", until: now + wait });
    this.#timer = setTimeout(() => this.connect(), wait);
    if (!this.#openedAt) this.#ask();
  }

  // The answer may come after the next attempt has begun.
  async #ask() {
    const refusal = await whyRefused(this.#url);
    if (this.#openedAt || refusal === this.#refusal) return;
    this.#refusal = refusal;
    this.#enter(this.#state);
  }

  #enter(state) {
    this.#state = state;
    this.#onState({ ...state, refusal: this.#refusal });
  }

  // Let go at once: a dead peer would keep a socket in CLOSING for a minute.
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
