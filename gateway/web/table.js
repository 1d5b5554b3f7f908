// The table of prices. Ticks only mark a row; at most once per frame the marked rows are written.

import { NOTHING, compare, duration, exact, moment, rate } from "./figures.js";

const COLUMNS = ["Bid", "Ask", "Spread", "Last", "24 h volume", "Age", "Updates/s"];
const [BID, ASK, SPREAD, LAST, VOLUME, AGE, RATE] = COLUMNS.keys();
const STATES = { stale: "Stale", halted: "Halted", delisted: "Delisted", unknown: "Unknown" };
const FLASH_MS = 400; // a cell that moves faster does not flash faster
const RATE_WEIGHT = 0.3; // of the newest second in the shown rate

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class PriceTable {
  #body;
  #rows = new Map(); // symbol -> Row
  #marked = new Set();
  #frame = 0;
  #filter = "";
  #skewUs = null;
  #total = 0;

  constructor(body) {
    this.#body = body;
  }

  get size() {
    return this.#rows.size;
  }

  /** Rows that the filter lets through. */
  get shown() {
    let count = 0;
    for (const row of this.#rows.values()) if (!row.element.hidden) count++;
    return count;
  }

  /** How many of the symbols are not live, by themselves or with all of their venue, whatever the filter. */
  get notLive() {
    let count = 0;
    for (const row of this.#rows.values()) if (row.state !== "live" || row.element.dataset.feed === "stale") count++;
    return count;
  }

  /** Ticks of all symbols in the last second or so. */
  get rate() {
    return this.#total;
  }

  /** Show exactly these symbols, in this order; their figures stay. Each is live until another state is reported. */
  hold(symbols) {
    const rows = new Map();
    for (const symbol of symbols) {
      const row = this.#rows.get(symbol) ?? new Row(symbol);
      row.setState("live", "", 0);
      rows.set(symbol, row);
    }
    this.#rows = rows;
    this.#body.replaceChildren(...Array.from(rows.values(), (row) => row.element));
    this.filter(this.#filter);
  }

  /** A new connection: its snapshots are believed, and its clock difference is measured anew. */
  restart() {
    this.#skewUs = null;
    for (const row of this.#rows.values()) row.seq = -1;
  }

  /** Take a tick or a snapshot. */
  update(tick) {
    let row = this.#rows.get(tick.symbol);
    if (row === undefined) {
      if (typeof tick.symbol !== "string") return;
      row = new Row(tick.symbol);
      this.#rows.set(tick.symbol, row);
      this.#body.append(row.element);
      row.element.hidden = !this.#matches(row);
    }
    // A lower one is no old one: its numbering began anew.
    if (!Number.isInteger(tick.seq) || tick.seq === row.seq) return;
    row.seq = tick.seq;
    row.tick = tick;
    if (tick.type !== "snapshot") {
      row.count++;
      // The freshest tick ever seen counts as no age at all: the rest is the difference of two clocks.
      const difference = Date.now() * 1000 - tick.recv_us;
      if (this.#skewUs === null || difference < this.#skewUs) this.#skewUs = difference;
    }
    this.#marked.add(row);
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  /** Take a symbol's state. */
  setState(status) {
    this.#rows.get(status.symbol)?.setState(status.state, status.reason, status.since_us);
  }

  /** Mark the rows of which `isStale` says that all prices of their venue may be old. */
  drawFeeds(isStale) {
    for (const row of this.#rows.values()) row.element.dataset.feed = isStale(row.symbol) ? "stale" : "live";
  }

  /** Hide the rows whose symbol does not contain `text`. */
  filter(text) {
    this.#filter = text.trim().toUpperCase();
    for (const row of this.#rows.values()) row.element.hidden = !this.#matches(row);
  }

  /** Write every age; call it a few times a second. */
  drawAges() {
    const nowUs = Date.now() * 1000 - (this.#skewUs ?? 0);
    for (const row of this.#rows.values()) {
      if (row.element.hidden || row.tick === null) continue;
      row.write(AGE, duration(Math.max(0, (nowUs - row.tick.recv_us) / 1e6)));
    }
  }

  /** Turn what was counted in the last `seconds` into rates, and write them. */
  drawRates(seconds) {
    this.#total = 0;
    for (const row of this.#rows.values()) {
      const measured = row.count / seconds;
      row.count = 0;
      row.rate = row.rate === null ? measured : row.rate + RATE_WEIGHT * (measured - row.rate);
      this.#total += measured;
      if (row.tick !== null) row.write(RATE, rate(row.rate));
    }
  }

  #matches(row) {
    return row.symbol.toUpperCase().includes(this.#filter);
  }

  #draw() {
    this.#frame = 0;
    const now = performance.now();
    for (const row of this.#marked) row.draw(now);
    this.#marked.clear();
  }
}

class Row {
  constructor(symbol) {
    this.symbol = symbol;
    this.seq = -1;
    this.tick = null;
    this.state = "live";
    this.count = 0;
    this.rate = null;
    this.element = element("tr", "row");
    const head = element("th", "rowheader");
    head.scope = "row";
    head.className = "symbol";
    this.head = head;
    this.badge = document.createElement("span");
    this.badge.className = "state";
    this.why = document.createElement("span");
    this.why.className = "why";
    this.since = document.createElement("span");
    this.since.className = "since";
    this.figures = COLUMNS.map((label) => {
      const cell = element("td", "cell");
      cell.dataset.label = label;
      this.element.append(cell);
      // The figure alone is coloured and flashed, not its whole cell.
      const figure = document.createElement("span");
      figure.textContent = NOTHING;
      cell.append(figure);
      return figure;
    });
    this.texts = COLUMNS.map(() => NOTHING);
    this.values = COLUMNS.map(() => undefined);
    this.scales = COLUMNS.map(() => 0);
    this.flashedAt = COLUMNS.map(() => -Infinity);
    this.element.prepend(head);
    this.setState("live", "", 0);
  }

  write(column, text) {
    if (this.texts[column] === text) return;
    this.texts[column] = text;
    this.figures[column].textContent = text;
  }

  /** The symbol, as nodes between which a line may break: after the venue's name. */
  name() {
    const [venue, ...native] = this.symbol.split(":");
    return native.length ? [`${venue}:`, document.createElement("wbr"), native.join(":")] : [venue];
  }

  /** Say whether the price is current, why not, and since when; of a live one nothing is shown. */
  setState(state, reason, sinceUs) {
    this.state = state;
    const isLive = state === "live";
    const since = isLive || !sinceUs ? "" : `since ${moment(sinceUs)}`;
    const label = STATES[state] ?? state;
    const why = [reason, since].filter(Boolean).join(", ");
    this.element.dataset.state = state;
    this.head.title = isLive ? reason : `${this.symbol} is ${label.toLowerCase()}${why && `: ${why}`}`;
    this.badge.textContent = label;
    this.since.textContent = since;
    this.why.replaceChildren(reason, reason && since ? ", " : "", this.since);
    // The spaces are for screen readers and for copies.
    this.head.replaceChildren(...this.name(), ...(isLive ? [] : [" ", this.badge, " ", this.why]));
  }

  draw(now) {
    const { bid, ask, last, volume, price_scale, size_scale } = this.tick;
    this.#price(BID, bid, price_scale, now);
    this.#price(ASK, ask, price_scale, now);
    this.#price(LAST, last, price_scale, now);
    this.write(SPREAD, bid === undefined || ask === undefined ? NOTHING : exact(ask - bid, price_scale));
    this.write(VOLUME, exact(volume, size_scale));
  }

  #price(column, value, scale, now) {
    const [before, beforeScale] = [this.values[column], this.scales[column]];
    [this.values[column], this.scales[column]] = [value, scale];
    this.write(column, exact(value, scale));
    const figure = this.figures[column];
    if (value === undefined) {
      // No price is neither higher nor lower than one.
      delete figure.dataset.move;
      delete figure.dataset.flash;
    }
    if (before === undefined || value === undefined) return;
    // Of two prices with different scales the integers say nothing.
    const move = compare(value, scale, before, beforeScale);
    if (move === 0) return;
    figure.dataset.move = move > 0 ? "up" : "down";
    if (calm.matches || now - this.flashedAt[column] < FLASH_MS) return;
    this.flashedAt[column] = now;
    // Two names of one animation: changing between them starts it again without asking for a layout.
    figure.dataset.flash = figure.dataset.flash === "a" ? "b" : "a";
  }
}

// Explicit roles, because the phone layout takes the table's own away (display: grid).
function element(name, role) {
  const made = document.createElement(name);
  made.setAttribute("role", role);
  return made;
}
