// The chart of one symbol: its price in the last minutes, and under a pointer or the arrow keys the price of a second.
//
// A price changes only the end of the line and its label. All else stays for a second, or until a price needs another scale:
// it is kept in a canvas behind, from which the narrow part at the right is taken anew for each price.

import { Picture, extent, shownOf, trace } from "./canvas.js";
import { exact } from "../figures.js";

const RIGHT = 92; // for prices
const BOTTOM = 26; // for times
const TOP = 12;
const PLACES = 15;
const HALF = 10; // of the height of a label
const APART = HALF + 7; // half of a label and half of a price of the scale
const FONT = "13px system-ui, sans-serif";

const HOURS = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const clock = new Intl.DateTimeFormat([], HOURS); // to make one takes longer than to draw the line

export class Chart {
  seconds = 300;
  #picture;
  #behind = document.createElement("canvas").getContext("2d");
  #row = null;
  #at = NaN; // seconds ago, of the price that is pointed at
  #shown = ""; // of what the canvas behind was made
  #ended = ""; // the same of the end
  #plan = null; // where prices and seconds are

  constructor(canvas, colours) {
    this.colours = colours;
    this.#picture = new Picture(canvas, () => {
      [this.#behind.canvas.width, this.#behind.canvas.height] = [canvas.width, canvas.height];
      this.#shown = "";
      this.draw();
    });
    canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.#point(NaN));
    canvas.addEventListener("blur", () => this.#point(NaN));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: 1, ArrowRight: -1, PageUp: 30, PageDown: -30 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.#at = Math.min(this.#span - 1, Math.max(0, (Number.isNaN(this.#at) ? -step : this.#at) + step));
      this.draw();
    });
  }

  get #span() {
    return shownOf(this.#row.history, this.seconds);
  }

  show(row) {
    if (this.#row !== row) this.#shown = "";
    this.#row = row;
    this.draw();
  }

  /** Draw what has changed. */
  draw() {
    if (!this.#picture.width || !this.#picture.height || this.#row === null) return;
    this.#row.keepNewest();
    const { history, isLive, price, priceText, tick } = this.#row;
    const pointed = [this.#at, this.#at === 0 ? priceText : ""];
    const isKnown = !Number.isNaN(history.at(0));
    const shown = [history.newest, isKnown, isLive, this.seconds, tick?.price_scale, pointed, this.colours.count].join();
    if (shown !== this.#shown || price < this.#plan.floor || price > this.#plan.ceiling) {
      this.#shown = shown;
      this.#ended = "";
      this.#drawBehind();
    }
    const ended = `${priceText} ${history.at(0)}`;
    if (ended !== this.#ended) this.#drawEnd();
    this.#ended = ended;
  }

  #drawBehind() {
    const { width, height } = this.#picture;
    const context = this.#picture.begin(this.#behind);
    const { colours } = this;
    const seconds = this.#span;
    const { history, isLive, price } = this.#row;
    context.font = FONT;
    context.textBaseline = "middle";
    const right = width - RIGHT;
    const bottom = height - BOTTOM;
    const { first, last, known, ...bounds } = extent(history, seconds);
    this.#drawTimes(context, right, bottom);
    if (known === 0) {
      this.#plan = { isEmpty: true };
      context.textAlign = "center";
      context.fillStyle = colours.muted;
      context.fillText("No price yet", right / 2, (TOP + bottom) / 2);
      return;
    }
    const newest = Number.isNaN(price) ? last : price;
    const low = Math.min(bounds.low, newest);
    const high = Math.max(bounds.high, newest);
    const margin = (high - low) * 0.08 || Math.abs(high) * 1e-5 || 1;
    const [floor, ceiling] = [low - margin, high + margin];
    const x = (ago) => (1 - ago / (seconds - 1)) * right;
    const y = (price) => TOP + (1 - (price - floor) / (ceiling - floor)) * (bottom - TOP);
    // With each price the colour would flicker where that is near the first one.
    const colour = !isLive ? colours.muted : last >= first ? colours.up : colours.down;
    const scale = this.#drawPrices(context, floor, ceiling, y, right);
    this.#plan = { floor, ceiling, last, right, x, y, colour, scale };
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.lineJoin = "round";
    trace(context, history, seconds, { x, y });
    if (!Number.isNaN(this.#at)) this.#drawPointed(context, x, bottom, right);
  }

  #drawEnd() {
    const { isEmpty, last, right, x, y, colour, scale } = this.#plan;
    const isWhole = isEmpty || this.#ended === "";
    const context = this.#picture.take(this.#behind.canvas, isWhole ? 0 : x(1) - 2);
    if (isEmpty) return;
    const { history, price, priceText } = this.#row;
    const [before, now] = [history.at(1), history.at(0)];
    context.font = FONT;
    context.textBaseline = "middle";
    if (!Number.isNaN(now)) {
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.lineCap = "round"; // which closes the joint with the line behind
      context.beginPath();
      if (!Number.isNaN(before)) context.moveTo(x(1), y(before));
      context.lineTo(x(0), y(now));
      context.stroke();
    }
    const labels = [[y(Number.isNaN(price) ? last : price), priceText, colour]];
    const pointed = history.at(this.#at);
    if (!Number.isNaN(pointed)) labels.push([y(pointed), this.#pointedText(pointed), this.colours.text]);
    context.textAlign = "left";
    context.fillStyle = this.colours.muted;
    for (const [at, text] of scale) {
      if (labels.every(([label]) => Math.abs(label - at) >= APART)) context.fillText(text, right + 8, at);
    }
    for (const [at, text, background] of labels) this.#drawLabel(context, at, right, text, background);
  }

  #text(price) {
    return exact(Math.round(price * 10 ** this.#decimals), this.#decimals);
  }

  // One more than the exchange's: the middle of bid and ask may lie between two prices.
  get #decimals() {
    return Math.min((this.#row.tick?.price_scale ?? 2) + 1, PLACES);
  }

  #drawTimes(context, right, bottom) {
    const { colours } = this;
    const seconds = this.#span;
    const most = Math.max(2, right / 96);
    const step = [10, 15, 30, 60, 120, 180, 300, 600].find((one) => seconds / one <= most) ?? 900;
    const now = Date.now();
    context.fillStyle = colours.muted;
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    for (let ago = 0; ago < seconds - step / 3; ago += step) {
      const at = Math.round((1 - ago / (seconds - 1)) * right) - 0.5;
      context.beginPath();
      context.moveTo(at, TOP);
      context.lineTo(at, bottom);
      context.stroke();
      context.textAlign = ago === 0 ? "right" : at < 30 ? "left" : "center";
      const text = clock.format(now - ago * 1000);
      context.fillText(text, at, bottom + BOTTOM / 2 + 2);
    }
  }

  /** Draw the lines of the scale, and return its prices with their heights: a label at the end may hide some. */
  #drawPrices(context, floor, ceiling, y, right) {
    const { colours } = this;
    const rough = (ceiling - floor) / Math.max(2, Math.floor((this.#picture.height - BOTTOM) / 56));
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
    const scale = [];
    context.strokeStyle = colours.line;
    for (let price = Math.ceil(floor / step) * step; price <= ceiling; price += step) {
      const at = Math.round(y(price)) - 0.5;
      context.beginPath();
      context.moveTo(0, at);
      context.lineTo(right, at);
      context.stroke();
      scale.push([at, this.#text(price)]);
    }
    return scale;
  }

  #drawLabel(context, at, right, text, colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(right + 2, at - HALF, RIGHT - 4, 2 * HALF, 4);
    context.fill();
    context.textAlign = "left";
    context.fillStyle = this.colours.panel;
    context.fillText(text, right + 8, at + 1);
  }

  #pointedText(price) {
    const { isLive, priceText } = this.#row;
    if (Number.isNaN(price)) return "no price";
    return isLive && this.#at === 0 ? priceText : this.#text(price);
  }

  #drawPointed(context, x, bottom, right) {
    const { colours } = this;
    const at = Math.round(x(this.#at)) - 0.5;
    context.strokeStyle = colours.muted;
    context.lineWidth = 1;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(at, TOP);
    context.lineTo(at, bottom);
    context.stroke();
    context.setLineDash([]);
    const text = this.#pointedText(this.#row.history.at(this.#at));
    const when = clock.format(Date.now() - this.#at * 1000);
    context.fillStyle = colours.text;
    context.textAlign = at > right / 2 ? "right" : "left";
    context.fillText(`${when}  ${text}`, at + (at > right / 2 ? -8 : 8), TOP + 8);
  }

  #point(x) {
    const right = this.#picture.width - RIGHT;
    if (this.#row === null) return;
    const ago = Math.round((1 - x / right) * (this.#span - 1));
    const next = ago >= 0 && ago < this.#span ? ago : NaN;
    if (Object.is(next, this.#at)) return;
    this.#at = next;
    this.draw();
  }
}
