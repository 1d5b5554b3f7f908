// One symbol: what is known of it, and its row. A figure's text node is written only if its text has changed.

import { NOTHING, age, approximate, compare, exact, middle, moment, signed, written } from "../figures.js";
import { Budget, Moves } from "./moves.js";
import { History, thisSecond } from "./history.js";
import { Spark } from "./canvas.js";

/** Key, heading, and heading of the second line. */
export const COLUMNS = [
  ["bid", "Bid", "size"],
  ["ask", "Ask", "size"],
  ["spread", "Spread", "basis points"],
  ["last", "Last", ""],
  ["change", "24 h change", ""],
  ["high", "24 h high", "low"],
  ["volume", "24 h volume", "value"],
  ["age", "Age", "state"],
];
const STATES = { live: "Live", stale: "Stale", halted: "Halted", delisted: "Delisted", unknown: "Unknown" };
const VENUES = { binance: "Binance", coinbase: "Coinbase" };
export const HOME = "binance"; // whose symbols have no venue's name in front
const LONG = 13; // characters; a longer figure takes a second line, and its row grows

const LONG_NAME = 14;

export const venueName = (venue) => VENUES[venue] ?? venue;
const flashes = new Budget();
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Row {
  seq = -1;
  tick = null;
  stats = null;
  state = "live";
  isVenueStale = false;
  isVisible = true; // in the table
  isChosen = false; // shown in detail
  ticks = 0; // since the count was last taken
  rate = 0;
  history = new History();
  reason = "";
  #since = "";
  #nodes = {};
  #texts = {};
  #cells = {};
  #moves = { bid: new Moves(), ask: new Moves(), last: new Moves() };
  #values = {};
  #spark = new Spark();

  constructor(symbol) {
    this.symbol = symbol;
    const [venue, ...native] = symbol.split(":");
    this.venue = native.length ? venue : HOME;
    this.name = native.length ? native.join(":") : symbol;
    this.element = element("tr", "row");
    this.element.dataset.symbol = symbol;
    const head = element("th", "rowheader");
    head.scope = "row";
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "name";
    this.button.tabIndex = -1;
    this.button.textContent = this.name;
    this.button.title = symbol;
    // Cut off by the style, which costs: only where it may be needed.
    if (this.name.length > LONG_NAME) this.button.classList.add("cut");
    this.said = document.createElement("span");
    this.said.className = "sub";
    head.append(this.button, " ", this.said); // the blanks are for screen readers and for copies
    this.element.append(head);
    for (const [key, label, more] of COLUMNS) {
      const cell = element("td", "cell");
      cell.dataset.key = key;
      cell.dataset.label = label;
      this.#cells[key] = cell;
      this.#add(cell, key, "figure", "");
      if (more) this.#add(cell, `${key}2`, "sub", more);
      this.element.append(cell);
    }
    const trend = element("td", "cell");
    trend.dataset.key = "trend";
    trend.append(this.#spark.element);
    this.element.append(trend);
    this.#describe();
  }

  get isLive() {
    return this.state === "live" && !this.isVenueStale;
  }

  /** Whether its figures can be seen, in the table or in detail. */
  get isInSight() {
    return this.isVisible || this.isChosen;
  }

  /** The middle of bid and ask, or the last price; about. */
  get price() {
    const { bid, ask, last, price_scale } = this.tick ?? {};
    if (bid !== undefined && ask !== undefined) return (approximate(bid, price_scale) + approximate(ask, price_scale)) / 2;
    return approximate(last ?? bid ?? ask, price_scale);
  }

  /** The same to the last digit. */
  get priceText() {
    const { bid, ask, last, price_scale } = this.tick ?? {};
    if (bid !== undefined && ask !== undefined) return middle(bid, ask, price_scale);
    return exact(last ?? bid ?? ask, price_scale);
  }

  /** The history ends with the newest price, while that is current. */
  keepNewest() {
    if (this.isLive && this.tick !== null) this.history.put(thisSecond(), this.price);
  }

  /** What a column is ordered by. */
  key(column) {
    const { bid, ask, last, price_scale, recv_us } = this.tick ?? {};
    switch (column) {
      case "symbol":
        return this.symbol;
      case "bid":
        return approximate(bid, price_scale);
      case "ask":
        return approximate(ask, price_scale);
      case "last":
        return approximate(last, price_scale);
      case "spread":
        return approximate(ask - bid, price_scale) / this.price;
      case "change":
        return Number(this.stats?.change_percent ?? NaN);
      case "high":
        return Number(this.stats?.high ?? NaN);
      case "volume":
        return Number(this.stats?.quote_volume ?? NaN) || this.price * this.#volume();
      default:
        return -(recv_us ?? NaN);
    }
  }

  /** Say whether the price is current, why not, and since when; of a live one nothing is shown. */
  setState(state, reason, sinceUs) {
    this.keepNewest();
    this.state = state;
    this.reason = reason;
    this.#since = state === "live" || !sinceUs ? "" : `since ${moment(sinceUs)}`;
    this.#describe();
  }

  /** Whether that is news. */
  setVenueStale(isStale) {
    if (this.isVenueStale === isStale) return false;
    this.keepNewest();
    this.isVenueStale = isStale;
    this.#describe();
    return true;
  }

  /** The state in words, with its reason. */
  get condition() {
    const label = STATES[this.state] ?? this.state;
    const why = [this.reason, this.#since].filter(Boolean).join(", ");
    return this.state === "live" ? "" : `${label}${why && `: ${why}`}`;
  }

  draw(now) {
    const { bid, ask, last, volume, bid_size, ask_size, price_scale, size_scale } = this.tick;
    this.#price("bid", bid, price_scale, now);
    this.#price("ask", ask, price_scale, now);
    this.#price("last", last, price_scale, now);
    this.#figure("bid2", bid_size, size_scale);
    this.#figure("ask2", ask_size, size_scale);
    const hasBoth = bid !== undefined && ask !== undefined;
    this.#figure("spread", hasBoth ? ask - bid : undefined, price_scale);
    const points = hasBoth ? (approximate(ask - bid, price_scale) / this.price) * 1e4 : NaN;
    this.#write("spread2", Number.isFinite(points) ? `${points < 0.995 ? +points.toPrecision(2) : points.toFixed(1)} bp` : NOTHING);
    this.#figure("volume", volume, size_scale);
  }

  drawStats() {
    const { change, change_percent: percent, high, low, quote_volume: value } = this.stats ?? {};
    const decimals = this.tick?.price_scale ?? 0;
    const text = percent === undefined ? signed(change, decimals) : `${signed(percent, 3)} %`;
    this.#write("change", text.startsWith(NOTHING) ? NOTHING : text);
    this.#cells.change.dataset.sign = /^[+−]/.exec(text)?.[0] ?? "";
    this.#write("high", written(high, decimals));
    this.#write("high2", written(low, decimals));
    this.#write("volume2", short(value));
  }

  drawAge(nowUs) {
    if (this.tick !== null) this.#write("age", age(Math.max(0, (nowUs - this.tick.recv_us) / 1e6)));
  }

  drawTrend() {
    this.#spark.draw(this.history, this.isLive);
  }

  #describe() {
    this.element.dataset.state = this.state;
    this.element.dataset.feed = this.isVenueStale ? "stale" : "live";
    const text = this.condition || venueName(this.venue);
    if (this.said.textContent !== text) this.said.textContent = text;
    this.said.classList.toggle("cut", text.length > LONG_NAME);
    this.said.title = this.state === "live" ? this.reason : `${this.symbol} is ${text[0].toLowerCase()}${text.slice(1)}`;
    const isOutvoted = this.state === "live" && this.isVenueStale;
    this.#write("age2", isOutvoted ? STATES.stale : (STATES[this.state] ?? this.state));
  }

  #volume() {
    return approximate(this.tick?.volume, this.tick?.size_scale);
  }

  #add(cell, key, className, label) {
    const span = document.createElement("span");
    span.className = className;
    if (label) span.title = label;
    const node = document.createTextNode(NOTHING);
    span.append(node);
    if (cell.firstChild) cell.append(" ");
    cell.append(span);
    this.#nodes[key] = node;
    this.#texts[key] = NOTHING;
  }

  #write(key, text) {
    if (this.#texts[key] === text) return;
    this.#texts[key] = text;
    this.#nodes[key].data = text;
    if (text.length > LONG) this.element.classList.add("tall");
  }

  #figure(key, value, scale) {
    const known = this.#values[key];
    if (known !== undefined && known[0] === value && known[1] === scale) return known;
    this.#values[key] = [value, scale];
    this.#write(key, exact(value, scale));
    return known;
  }

  #price(key, value, scale, now) {
    const known = this.#figure(key, value, scale);
    const cell = this.#cells[key];
    if (value === undefined) {
      // No price is neither higher nor lower than one.
      this.#moves[key].take(NaN, now);
      delete cell.dataset.move;
      delete cell.dataset.flash;
      return;
    }
    const [before, beforeScale] = known ?? [];
    // Of two prices with different scales the integers say nothing.
    const isSame = before !== undefined && compare(value, scale, before, beforeScale) === 0;
    if (isSame) return;
    const move = this.#moves[key].take(approximate(value, scale), now);
    if (!move) return;
    cell.dataset.move = move;
    // Two names of one animation: changing between them starts it again without asking for a layout.
    if (!calm.matches && flashes.take(now)) cell.dataset.flash = cell.dataset.flash === "a" ? "b" : "a";
  }
}

/** A large decimal string in few digits: "1.23 B"; it is a hint beside the exact figure, not a figure. */
function short(text) {
  const value = Number(text);
  if (text === undefined || !Number.isFinite(value)) return NOTHING;
  for (const [least, unit] of [[1e9, "B"], [1e6, "M"], [1e3, "K"]]) {
    if (value >= least) return `${(value / least).toPrecision(3)} ${unit}`;
  }
  return value.toPrecision(3);
}

// Explicit roles, because the layout takes the table's own away (display: grid).
function element(name, role) {
  const made = document.createElement(name);
  made.setAttribute("role", role);
  return made;
}
