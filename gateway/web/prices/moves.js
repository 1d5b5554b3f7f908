// Which moves of a price deserve a flash. In a busy market each price moves thirty times a second; a cell that flashes
// each time says nothing. A flash says: the direction has changed, or this was a large move for this symbol.

const REST_MS = 1_500; // a cell does not flash again sooner
const LARGE = 3; // times the usual move of a second
const WEIGHT = 0.1; // of the newest second in the usual move, once there have been ten

const MOST = 10; // flashes in a second, of all cells together: where everything flashes, nothing is seen

/** How many more cells may flash now. */
export class Budget {
  #left = MOST;
  #at = 0;

  take(now) {
    this.#left = Math.min(MOST, this.#left + ((now - this.#at) / 1000) * MOST);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** The moves of one price, which is known by about: `take` says "up" or "down" where a move should flash, else "". */
export class Moves {
  #turn = NaN; // the furthest that the price has come in its present direction
  #shown = NaN; // the price at the last flash
  #direction = 0;
  #flashedAt = -Infinity;
  #usual = 0; // how far it moves in a second, about
  #second = NaN; // the price at the beginning of this second
  #secondAt = -Infinity;
  #seconds = 0; // that were measured

  take(price, now) {
    if (Number.isNaN(price)) {
      this.#turn = this.#shown = this.#second = NaN;
      return "";
    }
    if (Number.isNaN(this.#shown)) {
      this.#turn = this.#shown = this.#second = price;
      this.#direction = 0;
      return "";
    }
    this.#measure(price, now);
    const least = LARGE * this.#usual;
    const back = price - this.#turn;
    const far = price - this.#shown;
    // Away from where it was furthest: it has turned. Beyond it: it goes on.
    const turned = back * this.#direction < 0 && Math.abs(back) >= least;
    const isLarge = far !== 0 && Math.abs(far) >= least && (this.#direction === 0 || far * this.#direction > 0);
    if (back * this.#direction >= 0) this.#turn = price;
    if (!(turned || isLarge)) return "";
    const move = turned ? back : far;
    this.#direction = Math.sign(move);
    this.#turn = this.#shown = price;
    if (now - this.#flashedAt < REST_MS) return "";
    this.#flashedAt = now;
    return move > 0 ? "up" : "down";
  }

  #measure(price, now) {
    const seconds = (now - this.#secondAt) / 1000;
    if (seconds < 1) return;
    // After a long silence the first move is no measure of the usual one.
    if (seconds < 30) this.#usual += Math.max(WEIGHT, 1 / ++this.#seconds) * (Math.abs(price - this.#second) / seconds - this.#usual);
    this.#second = price;
    this.#secondAt = now;
  }
}
