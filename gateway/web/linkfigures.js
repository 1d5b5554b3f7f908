// What this page measures of its own connection: how much comes, how late it is, and how far away the gateway is.

import { NOTHING, bytes, milliseconds, rate } from "./figures.js";

export class LinkFigures {
  #delays = new Float64Array(64); // of the newest ticks, ms
  #count = 0;
  #bytes = 0;

  constructor(write) {
    this.write = write;
  }

  restart() {
    this.#count = 0;
  }

  /** A tick was so many milliseconds old when it came; NaN if that is not known. */
  take(delay) {
    if (!Number.isNaN(delay)) this.#delays[this.#count++ % this.#delays.length] = delay;
  }

  /** Say what came in the last `seconds`. */
  second(ticks, seconds, connection, isOpen) {
    this.write("rate", rate(ticks / seconds));
    this.write("bytes", `${bytes((connection.bytes - this.#bytes) / seconds)}/s`);
    this.#bytes = connection.bytes;
    this.write("trip", milliseconds(connection.roundTripMs));
    const sample = this.#delays.slice(0, Math.min(this.#count, this.#delays.length)).sort();
    // Without the gateway's time, the difference of two clocks would pass for a delay.
    const isKnown = isOpen && sample.length > 0 && !Number.isNaN(connection.offsetUs);
    this.write("delay", isKnown ? milliseconds(sample[sample.length >> 1]) : NOTHING);
  }
}
