// Thins out what comes faster than one caller wants it: of each symbol the newest, so often and no more.

const TOGETHER = 0.1; // of the interval: what is due so soon goes along

export class Throttle {
  #time;
  #emit;
  #flushed;
  #lastMs = new Map();
  #pending = new Map();
  #timer = null;

  /** `emit(value)` passes a value on; `flushed()` follows what a timer passed on. */
  constructor(time, emit, flushed) {
    this.#time = time;
    this.#emit = emit;
    this.#flushed = flushed;
  }

  /** @param {string} symbol @param {any} value @param {number} everyMs */
  offer(symbol, value, everyMs) {
    const nowMs = this.#time.nowMs();
    const dueMs = (this.#lastMs.get(symbol) ?? -Infinity) + everyMs;
    if (nowMs >= dueMs) {
      this.#pending.delete(symbol);
      this.#pass(symbol, value, nowMs);
      return;
    }
    this.#pending.set(symbol, { value, dueMs, everyMs });
    this.#timer ??= this.#time.setTimeout(() => this.#due(), dueMs - nowMs);
  }

  clear() {
    this.#time.clearTimeout(this.#timer);
    this.#timer = null;
    this.#pending.clear();
    this.#lastMs.clear();
  }

  #due() {
    this.#timer = null;
    const nowMs = this.#time.nowMs();
    let nextMs = Infinity;
    for (const [symbol, { value, dueMs, everyMs }] of [...this.#pending]) {
      if (dueMs <= nowMs + TOGETHER * everyMs) {
        this.#pending.delete(symbol);
        this.#pass(symbol, value, nowMs);
      } else nextMs = Math.min(nextMs, dueMs);
    }
    if (nextMs < Infinity) this.#timer = this.#time.setTimeout(() => this.#due(), nextMs - nowMs);
    this.#flushed();
  }

  #pass(symbol, value, nowMs) {
    this.#lastMs.set(symbol, nowMs);
    this.#emit(value);
  }
}
