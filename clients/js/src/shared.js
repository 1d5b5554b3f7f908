// One stream for all who connect to the same URL, such as the components of a page. It ends with the last of them.

/** Another's hold on a shared stream: all that it can do, and an own end. */
class Held {
  #stream;
  #release;
  #subscriptions = new Set();
  #offs = new Set();

  constructor(stream, release) {
    this.#stream = stream;
    this.#release = release;
  }

  get state() {
    return this.#stream.state;
  }

  get venues() {
    return this.#stream.venues;
  }

  get clock() {
    return this.#stream.clock;
  }

  subscribe(...asked) {
    if (this.#release === null) throw new Error("this stream is closed: closed by this program");
    const subscription = this.#stream.subscribe(...asked);
    this.#subscriptions.add(subscription);
    subscription.onEnd = () => this.#subscriptions.delete(subscription);
    return subscription;
  }

  symbol(...asked) {
    return this.#stream.symbol(...asked);
  }

  symbols() {
    return this.#stream.symbols();
  }

  ageMs(tick) {
    return this.#stream.ageMs(tick);
  }

  on(event, handler) {
    const off = this.#stream.on(event, handler);
    this.#offs.add(off);
    return () => {
      this.#offs.delete(off);
      off();
    };
  }

  close() {
    if (this.#release === null) return;
    for (const subscription of [...this.#subscriptions]) subscription.unsubscribe();
    for (const off of this.#offs) off();
    this.#release();
    this.#release = null;
  }
}

export class Shared {
  #streams = new Map();

  /** @param {string} url @param {() => import("./stream.js").Stream} open */
  take(url, open) {
    let one = this.#streams.get(url);
    // One that has ended for good, such as with a refused token, is no use to others.
    if (one === undefined || one.stream.state.name === "closed") {
      one = { stream: open(), holders: 0 };
      this.#streams.set(url, one);
    }
    one.holders++;
    return new Held(one.stream, () => {
      one.holders--;
      // Components that go often make room for others: who comes at once keeps the connection.
      queueMicrotask(() => {
        if (one.holders > 0 || one.stream.state.name === "closed") return;
        if (this.#streams.get(url) === one) this.#streams.delete(url);
        one.stream.close();
      });
    });
  }
}
