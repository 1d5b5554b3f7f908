// The prices of one symbol in the last minutes, one for each second, and the newest one for this second.

export const SECONDS = 900;
const LATE = 4;

export const thisSecond = () => Math.floor(performance.now() / 1000);

export class History {
  #prices = new Float64Array(SECONDS).fill(NaN);
  #newest = -1; // the second of the newest one

  #oldest = 0; // the second of the first one

  /** How many seconds it goes back, up to all that are kept. */
  get length() {
    return this.#newest < 0 ? 0 : Math.min(SECONDS, this.#newest - this.#oldest + 1);
  }

  /** The newest price of a second; NaN where there is none that can be believed, which is a gap. */
  put(second, price) {
    if (this.#newest < 0) {
      if (Number.isNaN(price)) return;
      this.#oldest = second;
    }
    // What stopped being current in this second was current in it.
    if (second === this.#newest && Number.isNaN(price)) return;
    const gap = Math.min(second - this.#newest, SECONDS);
    // While the page was hidden nobody looked at the clock: those seconds are gaps. A clock that is a little late is none.
    const between = gap > LATE ? NaN : price;
    if (this.#newest >= 0) for (let missing = 1; missing < gap; missing++) this.#prices[(second - missing) % SECONDS] = between;
    this.#prices[second % SECONDS] = price;
    this.#newest = Math.max(second, this.#newest);
  }

  /** The second of the newest price, by the clock of `thisSecond`; -1 before the first. */
  get newest() {
    return this.#newest;
  }

  /** The price of so many seconds ago; NaN where there is none. */
  at(ago) {
    const second = this.#newest - ago;
    return second >= 0 && ago < SECONDS ? this.#prices[second % SECONDS] : NaN;
  }

  /** Calls `visit(age in seconds, price)` from `seconds` ago to now, with NaN for gaps. */
  walk(seconds, visit) {
    if (this.#newest < 0) return;
    const span = Math.min(seconds, SECONDS);
    for (let ago = span - 1; ago >= 0; ago--) {
      visit(ago, this.at(ago));
    }
  }
}
