// What waits for an async iterator. Who reads slowly gets the newest of each symbol; or every tick, up to a bound.

const MOST_WAITING = 100_000;

export class Queue {
  #conflate;
  #batch;
  #newest = new Map();
  #all = [];
  #taken = 0; // of #all: a shift for each would move all others
  /** @type {{ resolve: Function, reject: Function } | null} */
  #reader = null;
  /** @type {{ error?: Error } | null} */
  #end = null;

  /** @param {{ conflate: boolean, batch: boolean }} options With `batch` all that waits is read at once. */
  constructor({ conflate, batch }) {
    this.#conflate = conflate;
    this.#batch = batch;
  }

  /** @param {{ symbol: string }} value */
  push(value) {
    if (this.#end !== null) return;
    if (this.#conflate) this.#newest.set(value.symbol, value);
    else this.#all.push(value);
    if (this.#all.length - this.#taken > MOST_WAITING) {
      this.end(new Error(`more than ${MOST_WAITING} ticks wait: read them faster, or leave out conflate: false`));
    }
    this.#serve();
  }

  /** Nothing more comes; what waits can still be read. @param {Error} [error] Why, to be told to the reader. */
  end(error) {
    this.#end ??= { error };
    this.#serve();
  }

  /** @returns {Promise<IteratorResult<any>>} */
  next() {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#serve();
    });
  }

  #serve() {
    const reader = this.#reader;
    if (reader === null) return;
    const some = this.#take();
    if (some !== undefined) reader.resolve({ value: some, done: false });
    else if (this.#end === null) return;
    else if (this.#end.error) reader.reject(this.#end.error);
    else reader.resolve({ value: undefined, done: true });
    this.#reader = null;
  }

  #take() {
    if (this.#conflate) {
      if (this.#newest.size === 0) return undefined;
      if (this.#batch) {
        const all = [...this.#newest.values()];
        this.#newest.clear();
        return all;
      }
      const [[symbol, value]] = this.#newest;
      this.#newest.delete(symbol);
      return value;
    }
    if (this.#taken === this.#all.length) return undefined;
    if (this.#batch) {
      const all = this.#all.slice(this.#taken);
      this.#all = [];
      this.#taken = 0;
      return all;
    }
    const value = this.#all[this.#taken++];
    if (this.#taken > 1000) {
      this.#all = this.#all.slice(this.#taken);
      this.#taken = 0;
    }
    return value;
  }
}
