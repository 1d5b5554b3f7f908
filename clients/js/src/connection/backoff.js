// How long to wait before the next attempt: full jitter, so that many clients do not come back at once.

export class Backoff {
  #random;
  #baseMs;
  #capMs;
  #attempt = 0;

  /** @param {{ random?: () => number, baseMs?: number, capMs?: number }} [options] */
  constructor({ random = Math.random, baseMs = 500, capMs = 30_000 } = {}) {
    this.#random = random;
    this.#baseMs = baseMs;
    this.#capMs = capMs;
  }

  /** The next pause in milliseconds: anything from 0 to a bound that doubles with each attempt. */
  next() {
    // 2 ** 30 is beyond any cap; a higher power would only overflow.
    return this.#random() * Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#attempt++, 30));
  }

  /** Count as if so many attempts had failed already. */
  atLeast(attempts) {
    this.#attempt = Math.max(this.#attempt, attempts);
  }

  /** The last attempt led to something. */
  reset() {
    this.#attempt = 0;
  }
}
