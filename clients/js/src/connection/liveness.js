// Whether the gateway is still there, judged by its silence: a frozen one, or a broken network, sends no close frame.
//
// After a second without a word it is asked. After 2.5 s what it said counts as old. After 5 s the connection is dead.

const PING = 0.05; // of the gateway's heartbeat, which is 20 s
const MOST_PING_MS = 1000; // a slow heartbeat does not make old prices current
const LEAST_PING_MS = 100;
const SILENT = 2.5; // in units of the time after which it is asked
const DEAD = 5;

export class Liveness {
  #pingMs;
  #heardMs;
  #askedMs = null;

  /** @param {number} heartbeatS @param {number} nowMs */
  constructor(heartbeatS, nowMs) {
    this.#pingMs = Math.min(MOST_PING_MS, Math.max(LEAST_PING_MS, PING * 1000 * heartbeatS));
    this.#heardMs = nowMs;
  }

  /** How often to `check`. */
  get everyMs() {
    return this.#pingMs / 4;
  }

  /** Something came. */
  heard(nowMs) {
    this.#heardMs = nowMs;
    this.#askedMs = null;
  }

  /** @returns {{ ask: boolean, silent: boolean, dead: boolean }} `ask` is true once in each silence. */
  check(nowMs) {
    const silentMs = nowMs - this.#heardMs;
    const ask = silentMs >= this.#pingMs && this.#askedMs === null;
    if (ask) this.#askedMs = nowMs;
    return {
      ask,
      silent: silentMs >= SILENT * this.#pingMs,
      // From the question on, not from the last message: nothing runs in a hidden tab, or while a machine sleeps.
      dead: this.#askedMs !== null && nowMs - this.#askedMs >= (DEAD - 1) * this.#pingMs,
    };
  }
}
