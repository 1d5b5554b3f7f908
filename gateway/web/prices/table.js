// The table of prices. Ticks only mark a row; at most once per frame the marked rows that can be seen are written, the
// newest tick of each. Those out of sight are written once a second, a few in a frame, for who searches in the page or has
// it read aloud.

import { thisSecond } from "./history.js";
import { COLUMNS, Row } from "./row.js";

const UNSEEN_PER_FRAME = 24; // all in one would make it late; in many, each of them costs
const TRENDS_PER_FRAME = 4; // so would these
const TREND_EVERY_S = 2;

export class PriceTable {
  onDraw = () => {}; // called with each row that was drawn, in the same frame
  rows = new Map(); // symbol -> Row
  #body;
  #marked = new Set();
  #unseen = []; // rows out of sight that are still to be written in this second
  #trends = [];
  #frame = 0;
  #filter = "";
  #sort = { column: "", falls: false };
  #given = []; // the symbols in the gateway's order
  #leastUs = null;
  #seen;

  constructor(body) {
    this.#body = body;
    // What has faded is taken away: left there, it would be a layer of its own.
    body.addEventListener("animationend", ({ target }) => delete target.dataset.flash);
    this.#seen = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const row = this.rows.get(target.dataset.symbol);
          if (row?.element !== target) continue;
          row.isVisible = isIntersecting;
          row.element.classList.toggle("seen", isIntersecting);
          if (isIntersecting) this.#mark(row);
        }
      },
      { rootMargin: "120px 0px" },
    );
  }

  get size() {
    return this.rows.size;
  }

  /** Rows that the filter lets through. */
  get shown() {
    let count = 0;
    for (const row of this.rows.values()) if (!row.element.hidden) count++;
    return count;
  }

  /** How many of the symbols are not live, by themselves or with all of their venue, whatever the filter. */
  get notLive() {
    let count = 0;
    for (const row of this.rows.values()) if (!row.isLive) count++;
    return count;
  }

  /** Show these symbols, in this order, and unless `more` no others; figures stay. Each is live until told otherwise. */
  hold(symbols, { more = false } = {}) {
    const rows = new Map(more ? this.rows : []);
    for (const symbol of symbols) {
      const row = this.rows.get(symbol) ?? this.#make(symbol);
      row.setState("live", "", 0);
      this.#mark(row);
      rows.set(symbol, row);
    }
    for (const row of this.rows.values()) if (!rows.has(row.symbol)) this.#seen.unobserve(row.element);
    this.rows = rows;
    this.#given = [...rows.keys()];
    this.arrange();
    this.filter(this.#filter);
  }

  /** Show these no more. */
  remove(symbols) {
    for (const symbol of symbols) {
      const row = this.rows.get(symbol);
      if (row === undefined) continue;
      this.#seen.unobserve(row.element);
      this.#marked.delete(row);
      row.element.remove();
      this.rows.delete(symbol);
    }
    this.#given = this.#given.filter((symbol) => this.rows.has(symbol));
  }

  /** A new connection: its snapshots are believed, and its clock difference is measured anew. */
  restart() {
    this.#leastUs = null;
    for (const row of this.rows.values()) row.seq = -1;
  }

  /** Take a tick or a snapshot; how old it was when it came, in ms by the two clocks, or NaN. */
  update(tick, offsetUs) {
    const row = this.rows.get(tick.symbol);
    // A lower number is no old one: its numbering began anew.
    if (row === undefined || !Number.isInteger(tick.seq) || tick.seq === row.seq) return NaN;
    row.seq = tick.seq;
    row.tick = tick;
    this.#mark(row);
    if (tick.type === "snapshot") return NaN;
    row.ticks++;
    const difference = Date.now() * 1000 - tick.recv_us;
    if (this.#leastUs === null || difference < this.#leastUs) this.#leastUs = difference;
    return (difference + (offsetUs || 0)) / 1000;
  }

  setStats(stats) {
    const row = this.rows.get(stats.symbol);
    if (row === undefined) return;
    row.stats = stats;
    row.drawStats();
    this.#mark(row);
  }

  setState(status) {
    const row = this.rows.get(status.symbol);
    row?.setState(status.state, status.reason, status.since_us);
    if (row) this.#mark(row);
  }

  /** Mark the rows of which `isStale(symbol)` says that all prices of their venue may be old. */
  drawFeeds(isStale) {
    for (const row of this.rows.values()) if (row.setVenueStale(isStale(row.symbol))) this.#mark(row);
  }

  /** Hide the rows whose symbol does not contain `text`. */
  filter(text) {
    this.#filter = text.trim().toUpperCase();
    for (const row of this.rows.values()) row.element.hidden = !row.symbol.toUpperCase().includes(this.#filter);
    this.#rove();
  }

  /** Order by a column, or as the gateway does if it is empty. */
  sort(column, falls) {
    this.#sort = { column, falls };
    this.arrange();
  }

  arrange() {
    const { column, falls } = this.#sort;
    const symbols = [...this.#given];
    if (column) {
      const keys = new Map(symbols.map((symbol) => [symbol, this.rows.get(symbol).key(column)]));
      const isKnown = (key) => typeof key === "string" || !Number.isNaN(key);
      symbols.sort((one, other) => {
        const [a, b] = [keys.get(one), keys.get(other)];
        if (!isKnown(a) || !isKnown(b)) return isKnown(b) - isKnown(a); // what is not known comes last
        return (a < b ? -1 : a > b ? 1 : 0) * (falls ? -1 : 1);
      });
    }
    let at = this.#body.firstElementChild;
    for (const symbol of symbols) {
      const { element } = this.rows.get(symbol);
      if (element === at) at = at.nextElementSibling;
      else this.#body.insertBefore(element, at);
    }
    while (at) {
      const next = at.nextElementSibling;
      at.remove();
      at = next;
    }
    this.#rove();
  }

  /** The time in the clock of the ticks, microseconds. By the gateway's time if it tells that, else by the freshest tick. */
  nowUs(offsetUs) {
    const now = Date.now() * 1000;
    if (!Number.isNaN(offsetUs)) return now + offsetUs;
    return now - (this.#leastUs ?? 0);
  }

  /** Write the ages that can be seen; call it a few times a second. */
  drawAges(offsetUs) {
    const nowUs = this.nowUs(offsetUs);
    for (const row of this.rows.values()) if (row.isVisible && !row.element.hidden) row.drawAge(nowUs);
  }

  /** Take note of each price; call it once a second. Returns the ticks since the last call. */
  second(seconds) {
    const number = thisSecond();
    let total = 0;
    for (const row of this.rows.values()) {
      total += row.ticks;
      row.rate = row.isLive ? row.ticks / seconds : 0;
      row.ticks = 0;
      if (row.tick !== null) row.history.put(number, row.isLive ? row.price : NaN);
    }
    this.#unseen = [...this.#marked].filter((row) => !row.isInSight);
    if (number % TREND_EVERY_S === 0) this.#trends = [...this.rows.values()].filter((row) => row.isVisible);
    this.#ask();
    return total;
  }

  #make(symbol) {
    const row = new Row(symbol);
    this.#seen.observe(row.element);
    return row;
  }

  #mark(row) {
    this.#marked.add(row);
    if (row.isInSight) this.#ask();
  }

  #ask() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#drawFrame());
  }

  #drawFrame() {
    this.#frame = 0;
    const now = performance.now();
    for (const row of this.#marked) if (row.isInSight) this.#draw(row, now);
    for (const row of this.#unseen.splice(0, UNSEEN_PER_FRAME)) if (this.#marked.has(row)) this.#draw(row, now);
    for (const row of this.#trends.splice(0, TRENDS_PER_FRAME)) row.drawTrend();
    if (this.#unseen.length || this.#trends.length) this.#ask();
  }

  #draw(row, now) {
    this.#marked.delete(row);
    if (row.tick !== null) row.draw(now);
    this.onDraw(row);
  }

  /** One row's button can be reached by Tab: the one that was, or the first. */
  #rove() {
    const rows = [...this.#body.children].filter((element) => !element.hidden);
    const reached = rows.find((element) => element.querySelector("button").tabIndex === 0) ?? rows[0];
    for (const element of this.#body.children) element.querySelector("button").tabIndex = element === reached ? 0 : -1;
  }
}

export const SORTABLE = ["symbol", ...COLUMNS.map(([key]) => key)];
