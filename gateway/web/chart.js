// The chart of one symbol: its price in the last minutes, and under a pointer or the arrow keys the price of a second.

import { Picture, extent, shownOf, trace } from "./canvas.js";
import { exact } from "./figures.js";

const RIGHT = 92; // for prices
const BOTTOM = 26; // for times
const TOP = 12;
const PLACES = 15;

const HOURS = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const clockOf = (ms) => new Date(ms).toLocaleTimeString([], HOURS);

export class Chart {
  seconds = 300;
  #picture;
  #row = null;
  #at = NaN; // seconds ago, of the price that is pointed at

  constructor(canvas, colours) {
    this.colours = colours;
    this.#picture = new Picture(canvas, () => this.draw());
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
    this.#row = row;
    this.draw();
  }

  draw() {
    const { width, height } = this.#picture;
    if (!width || this.#row === null) return;
    this.#row.keepNewest();
    const context = this.#picture.begin();
    const { colours } = this;
    const seconds = this.#span;
    const { history, isLive, price, priceText } = this.#row;
    context.font = "13px system-ui, sans-serif";
    context.textBaseline = "middle";
    const right = width - RIGHT;
    const bottom = height - BOTTOM;
    const { first, last, known, ...bounds } = extent(history, seconds);
    this.#drawTimes(context, right, bottom);
    if (known === 0) {
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
    this.#drawPrices(context, floor, ceiling, y, right);
    context.strokeStyle = !isLive ? colours.muted : last >= first ? colours.up : colours.down;
    context.lineWidth = 2;
    context.lineJoin = "round";
    trace(context, history, seconds, { x, y });
    this.#drawLabel(context, y(newest), right, priceText, context.strokeStyle);
    if (!Number.isNaN(this.#at)) this.#drawPointed(context, x, y, bottom, right);
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
      const text = clockOf(now - ago * 1000);
      context.fillText(text, at, bottom + BOTTOM / 2 + 2);
    }
  }

  #drawPrices(context, floor, ceiling, y, right) {
    const { colours } = this;
    const rough = (ceiling - floor) / Math.max(2, Math.floor((this.#picture.height - BOTTOM) / 56));
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
    context.textAlign = "left";
    for (let price = Math.ceil(floor / step) * step; price <= ceiling; price += step) {
      const at = Math.round(y(price)) - 0.5;
      context.strokeStyle = colours.line;
      context.beginPath();
      context.moveTo(0, at);
      context.lineTo(right, at);
      context.stroke();
      context.fillStyle = colours.muted;
      context.fillText(this.#text(price), right + 8, at);
    }
  }

  #drawLabel(context, at, right, text, colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(right + 2, at - 10, RIGHT - 4, 20, 4);
    context.fill();
    context.textAlign = "left";
    context.fillStyle = this.colours.panel;
    context.fillText(text, right + 8, at + 1);
  }

  #drawPointed(context, x, y, bottom, right) {
    const { colours } = this;
    let price = NaN;
    this.#row.history.walk(this.#span, (ago, known) => {
      if (ago === this.#at) price = known;
    });
    const at = Math.round(x(this.#at)) - 0.5;
    context.strokeStyle = colours.muted;
    context.lineWidth = 1;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(at, TOP);
    context.lineTo(at, bottom);
    context.stroke();
    context.setLineDash([]);
    const { isLive, priceText } = this.#row;
    const text = Number.isNaN(price) ? "no price" : isLive && this.#at === 0 ? priceText : this.#text(price);
    if (!Number.isNaN(price)) this.#drawLabel(context, y(price), right, text, colours.text);
    const when = clockOf(Date.now() - this.#at * 1000);
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
