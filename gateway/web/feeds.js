// The venues of this connection, and what is to be said of each: whether its prices are live, and whether they are real.

import { age, timeOfDay } from "./figures.js";
import { HOME, venueName } from "./prices/row.js";

const SOURCES = {
  "binance-ws": ["stream", true],
  "binance-rest": ["REST", true],
  "coinbase-ws": ["stream", true],
  simulated: ["simulated", false],
  replay: ["recording", false],
};
const UNREAL = {
  simulated: "Simulated prices: made up here, of no market",
  replay: "A recording: these prices are not of now",
};

export class Feeds {
  #feeds = new Map(); // venue -> its newest `status`, while it is served
  #venues = new Set(); // every venue of which this connection got a `status`

  clear() {
    this.#feeds.clear();
    this.#venues.clear();
  }

  take(status) {
    const venue = status.venue ?? HOME;
    this.#venues.add(venue);
    if (status.served === false) this.#feeds.delete(venue);
    else this.#feeds.set(venue, status);
  }

  get count() {
    return this.#feeds.size;
  }

  /** The name of the state of all of them together, and its word. */
  get state() {
    const feeds = [...this.#feeds.values()];
    if (!feeds.length) return ["connecting", "Connecting"];
    const stale = this.stale.length;
    if (stale) return stale === feeds.length ? ["stale", "Stale"] : ["partly", "Partly stale"];
    const unreal = feeds.filter((feed) => !isReal(feed));
    if (!unreal.length) return ["live", "Live"];
    if (unreal.length < feeds.length) return ["unreal", "Partly unreal"];
    return ["unreal", unreal.every((feed) => feed.source === "replay") ? "Replay" : "Simulated"];
  }

  get stale() {
    return [...this.#feeds.keys()].filter((venue) => this.#feeds.get(venue).feed !== "live");
  }

  /** Whether a symbol's venue is stale: the one whose name stands in front of it, or the one that has none there. */
  isStale(symbol) {
    const [name, native] = symbol.split(":", 2);
    const feed = this.#feeds.get(native !== undefined && this.#venues.has(name) ? name : HOME);
    return feed !== undefined && feed.feed !== "live";
  }

  /** Of each venue its name, where its prices come from, and whether that is "live", "stale" or "unreal". */
  get parts() {
    return Array.from(this.#feeds, ([venue, feed]) => {
      const [words] = SOURCES[feed.source] ?? [feed.source];
      const state = feed.feed !== "live" ? "stale" : isReal(feed) ? "live" : "unreal";
      return { name: venueName(venue), words: state === "stale" ? "stale" : words, state, title: feed.reason };
    });
  }

  /** Write the parts as items of a list. */
  draw(list) {
    const parts = this.parts;
    while (list.childElementCount > parts.length) list.lastElementChild.remove();
    for (const [number, { name, words, state, title }] of parts.entries()) {
      const item = list.children[number] ?? list.appendChild(document.createElement("li"));
      const text = words ? `${name} ${words}` : name;
      if (item.textContent !== text) item.textContent = text;
      item.dataset.state = state;
      item.title = title;
    }
  }

  /** What there is to say, the worst first: `[kind, words]`. */
  get notices() {
    const found = [];
    const isOne = this.#feeds.size === 1;
    for (const venue of this.stale) {
      const { reason, since_us: sinceUs } = this.#feeds.get(venue);
      const whose = isOne ? "Prices" : `Prices of ${venueName(venue)}`;
      const seconds = Math.max(0, Date.now() / 1000 - sinceUs / 1e6);
      const since = sinceUs > 1 ? `, since ${timeOfDay(sinceUs)}, ${age(seconds)} ago` : "";
      found.push(["stale", `${whose} may be old${reason && `: ${reason}`}${since}`]);
    }
    for (const [venue, feed] of this.#feeds) {
      if (feed.feed !== "live") continue;
      const whose = isOne ? "" : `${venueName(venue)}: `;
      if (!isReal(feed)) found.push(["unreal", whose + (UNREAL[feed.source] ?? `prices of an unknown source, ${feed.source}`)]);
      if (feed.reason) found.push(["note", whose + feed.reason]);
    }
    return found;
  }
}

function isReal(feed) {
  // Before a poller's first heartbeat there is no source, and nothing that could be unreal.
  return feed.source === "" || (SOURCES[feed.source]?.[1] ?? false);
}
