// Questions for the list of symbols, and their answers, which may come in parts.

export class Listings {
  #send;
  #asked = new Map();
  #ids = 0;

  /** @param {(message: object) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @returns {Promise<import("./messages.js").ServedSymbol[]>} */
  ask() {
    const id = `symbols-${++this.#ids}`;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject, symbols: [] });
      this.#send({ type: "symbols", id });
    });
  }

  /** A new connection knows nothing of what was asked on the last. */
  opened() {
    for (const [id, listing] of this.#asked) {
      listing.symbols = [];
      this.#send({ type: "symbols", id });
    }
  }

  /** @returns {boolean} Whether the message was an answer, or a part of one. */
  received({ type, id, symbols, more, message }) {
    const listing = this.#asked.get(id);
    if (listing === undefined) return false;
    if (type === "error") listing.reject(new Error(message));
    else listing.symbols.push(...symbols);
    if (more) return true;
    this.#asked.delete(id);
    listing.resolve(listing.symbols);
    return true;
  }

  /** @param {string} reason */
  end(reason) {
    for (const { reject } of this.#asked.values()) reject(new Error(reason));
    this.#asked.clear();
  }
}
