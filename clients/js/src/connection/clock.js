// The gateway's clock, estimated from `server_us` of `welcome` and `pong`: without it an age across machines is a guess.
//
// Each answer says the gateway's time somewhere between question and answer; the middle is wrong by half the round trip
// at most. The best answer is kept. It ages, because two clocks drift apart.

const DRIFT = 1e-4; // of the time since: more than a quartz does

export class Clock {
  #time;
  #offsetMs;
  #errorMs = Infinity;
  #measuredMs = 0;

  /** @param {{ nowMs: () => number, wallMs: () => number }} time `nowMs` never goes back; `wallMs` is Unix time. */
  constructor(time) {
    this.#time = time;
    // Until a gateway says its time: this machine's.
    this.#offsetMs = time.wallMs() - time.nowMs();
  }

  /** How wrong `nowUs` may be, in milliseconds; Infinity while it is this machine's own clock. */
  get uncertaintyMs() {
    return this.#errorMs + DRIFT * (this.#time.nowMs() - this.#measuredMs);
  }

  /** How far the gateway's clock is ahead of this machine's, in milliseconds. */
  get offsetMs() {
    return this.#offsetMs + this.#time.nowMs() - this.#time.wallMs();
  }

  /** The gateway's time: microseconds since 1970. */
  nowUs() {
    return Math.round((this.#time.nowMs() + this.#offsetMs) * 1000);
  }

  /**
   * A question was sent at `sentMs`, and its answer with the gateway's time came at `receivedMs`.
   *
   * @param {number} sentMs @param {number} receivedMs @param {number | undefined} serverUs
   */
  sample(sentMs, receivedMs, serverUs) {
    if (serverUs === undefined || !Number.isSafeInteger(serverUs)) return; // a gateway that does not say it
    const offsetMs = serverUs / 1000 - (sentMs + receivedMs) / 2;
    const errorMs = (receivedMs - sentMs) / 2;
    const known = this.uncertaintyMs;
    // If both cannot be true, a clock was set, or this machine slept, or it is another gateway: the newer one counts.
    if (errorMs > known && Math.abs(offsetMs - this.#offsetMs) <= errorMs + known) return;
    this.#offsetMs = offsetMs;
    this.#errorMs = errorMs;
    this.#measuredMs = receivedMs;
  }
}
