// The caller's token: none, a string, or a function that is asked at each connect and before the last one expires.

const SOONEST_MS = 1000; // between two questions, however short tokens last

export class Token {
  #given;

  /** @param {undefined | string | (() => string | Promise<string>)} given */
  constructor(given) {
    if (given !== undefined && typeof given !== "string" && typeof given !== "function") {
      throw new TypeError("token must be a string, or a function that returns one or a promise of one");
    }
    this.#given = given;
  }

  /** Whether another one can be had. */
  get renewable() {
    return typeof this.#given === "function";
  }

  /** @returns {Promise<string | undefined>} */
  async get() {
    const token = typeof this.#given === "function" ? await this.#given() : this.#given;
    if (token !== undefined && (typeof token !== "string" || token === "")) {
      throw new TypeError("the token function did not return a token");
    }
    return token;
  }
}

/**
 * When to ask for the next token, in milliseconds from now, if the present one lasts `leftMs` more.
 *
 * Somewhere in the middle of that: there is time for a second try, and many clients do not ask at once.
 */
export function renewAfterMs(leftMs, random) {
  return Math.max(SOONEST_MS, leftMs * (0.3 + 0.3 * random()));
}
