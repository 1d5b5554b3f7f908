// One symbol in detail: its quote in large figures, what else is known of it, and its chart.

import { NOTHING, exact, rate, signed, timeOfDay, written } from "../figures.js";
import { Chart } from "./chart.js";
import { venueName } from "./row.js";

const CHART_EVERY_MS = 500;
const FACTS = [
  ["spread", "Spread"],
  ["last", "Last"],
  ["change", "24 h change"],
  ["open", "24 h open"],
  ["high", "24 h high"],
  ["low", "24 h low"],
  ["volume", "24 h volume"],
  ["value", "24 h value"],
  ["trades", "24 h trades"],
  ["rate", "Updates/s"],
  ["event", "Exchange's time"],
  ["seq", "Number"],
];

export class Detail {
  #element;
  #row = null;
  #texts = new Map();
  #chart;

  constructor(element, colours) {
    this.#element = element;
    this.#chart = new Chart(this.#part("chart"), colours);
    const facts = this.#part("facts");
    for (const [key, label] of FACTS) {
      const [pair, name, value] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
      name.textContent = label;
      value.dataset.part = key;
      value.textContent = NOTHING;
      pair.append(name, value);
      facts.append(pair);
    }
    for (const choice of element.querySelectorAll("input[name=span]")) {
      choice.addEventListener("change", () => {
        this.#chart.seconds = Number(choice.value);
        this.#drawChart();
      });
    }
    setInterval(() => this.#row !== null && !document.hidden && this.#drawChart(), CHART_EVERY_MS);
  }

  get symbol() {
    return this.#row?.symbol ?? "";
  }

  /** Show a row's symbol, or none. */
  show(row) {
    if (this.#row !== null) this.#row.isChosen = false;
    this.#row?.element.classList.remove("chosen");
    this.#row?.button.removeAttribute("aria-current");
    this.#row = row;
    this.#element.hidden = row === null;
    if (row === null) return;
    row.isChosen = true;
    row.element.classList.add("chosen");
    row.button.setAttribute("aria-current", "true");
    this.#write("symbol", row.name);
    this.#write("venue", venueName(row.venue));
    this.draw();
  }

  /** A row was drawn: ours is drawn too. */
  drawn(row) {
    if (row === this.#row) this.draw();
  }

  draw() {
    const row = this.#row;
    if (row === null) return;
    const { bid, ask, last, bid_size, ask_size, volume, price_scale, size_scale, event_us, seq } = row.tick ?? {};
    const { open, high, low, change, change_percent: percent, quote_volume: value, trades } = row.stats ?? {};
    const hasBoth = bid !== undefined && ask !== undefined;
    this.#write("bid", exact(bid, price_scale));
    this.#write("ask", exact(ask, price_scale));
    this.#write("bid-size", exact(bid_size, size_scale));
    this.#write("ask-size", exact(ask_size, size_scale));
    this.#write("spread", hasBoth ? exact(ask - bid, price_scale) : NOTHING);
    this.#write("last", exact(last, price_scale));
    this.#write("volume", exact(volume, size_scale));
    const moved = signed(change, price_scale);
    this.#write("change", percent === undefined ? moved : `${moved} (${signed(percent, 3)} %)`);
    for (const [key, text] of Object.entries({ open, high, low })) this.#write(key, written(text, price_scale));
    this.#write("value", written(value));
    this.#write("trades", trades === undefined ? NOTHING : exact(trades, 0));
    this.#write("event", event_us === undefined ? NOTHING : timeOfDay(event_us));
    this.#write("seq", seq === undefined ? NOTHING : String(seq));
    this.#write("state", row.condition || (row.isVenueStale ? "Stale" : "Live"));
    const state = row.isLive ? "live" : row.state === "live" ? "stale" : row.state;
    if (this.#element.dataset.state !== state) this.#element.dataset.state = state;
    const part = bid_size + ask_size > 0 ? bid_size / (bid_size + ask_size) : 0.5;
    const percentOfBid = `${Math.round(part * 100)}`;
    const balance = this.#part("balance");
    if (balance.value !== Number(percentOfBid)) balance.value = Number(percentOfBid);
    // In one frame with bid and ask, so that its end is never another price.
    this.#drawChart();
  }

  #drawChart() {
    const row = this.#row;
    if (row === null) return;
    this.#write("rate", rate(row.rate));
    this.#chart.show(row);
    const canvas = this.#part("chart");
    if (canvas.dataset.symbol === row.symbol && document.activeElement !== canvas) return;
    canvas.dataset.symbol = row.symbol;
    const label = `Chart of ${row.name}: the last ${this.#chart.seconds / 60} minutes; newest ${row.priceText}`;
    canvas.setAttribute("aria-label", label);
  }

  #part(name) {
    let found = this.#texts.get(name);
    if (found === undefined) {
      found = { node: this.#element.querySelector(`[data-part="${name}"]`), words: null };
      this.#texts.set(name, found);
    }
    return found.node;
  }

  #write(name, text) {
    const node = this.#part(name);
    const known = this.#texts.get(name);
    if (known.words === null) {
      known.words = document.createTextNode(text);
      node.replaceChildren(known.words);
    } else if (known.words.data !== text) known.words.data = text;
  }
}
