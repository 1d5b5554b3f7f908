// The prices of one symbol in the last minutes, one for each second: for pictures, so about is enough.

export const SECONDS = 900;
const LATE = 4;

export class History {
  #prices = new Float32Array(SECONDS).fill(NaN);
  #base = NaN; // prices are kept as their difference to it, so that four bytes hold their small moves
  #newest = -1; // the second of the newest one

  #oldest = 0; // the second of the first one

  /** How many seconds it goes back, up to all that are kept. */
  get length() {
    return this.#newest < 0 ? 0 : Math.min(SECONDS, this.#newest - this.#oldest + 1);
  }

  /** The price of this second; NaN where there is none that can be believed, which is a gap. */
  put(second, price) {
    if (Number.isNaN(this.#base)) this.#base = price;
    if (Number.isNaN(this.#base)) return;
    if (this.#newest < 0) this.#oldest = second;
    const gap = Math.min(second - this.#newest, SECONDS);
    // While the page was hidden nobody looked at the clock: those seconds are gaps. A clock that is a little late is none.
    const between = gap > LATE ? NaN : price - this.#base;
    if (this.#newest >= 0) for (let missing = 1; missing < gap; missing++) this.#prices[(second - missing) % SECONDS] = between;
    this.#prices[second % SECONDS] = price - this.#base;
    this.#newest = Math.max(second, this.#newest);
  }

  /** Calls `visit(age in seconds, price)` from `seconds` ago to now, with NaN for gaps. */
  walk(seconds, visit) {
    if (this.#newest < 0) return;
    const span = Math.min(seconds, SECONDS);
    for (let ago = span - 1; ago >= 0; ago--) {
      const second = this.#newest - ago;
      visit(ago, second < 0 ? NaN : this.#prices[second % SECONDS] + this.#base);
    }
  }
}
