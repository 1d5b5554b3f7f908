// Pictures of prices. Sizes come from an observer, colours from the style; nothing here asks for a layout.

const SPARK_SECONDS = 300;

/** A canvas that knows its size in pixels of the screen, and calls `redraw` when that changes. */
export class Picture {
  width = 0;
  height = 0;
  ratio = 1;

  constructor(canvas, redraw) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.ratio = Math.min(devicePixelRatio || 1, 3);
      this.width = width;
      this.height = height;
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
      redraw();
    }).observe(canvas);
  }

  /** Make a context empty, whose canvas has the size of this one; its unit is a pixel of the style. */
  begin(context) {
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    return context;
  }

  /** Show what another canvas of this size holds, from `left` on; whole pixels of the screen, none of them mixed. */
  take(other, left) {
    const { canvas, context } = this;
    const at = Math.max(0, Math.floor(left * this.ratio));
    const size = [canvas.width - at, canvas.height];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(at, 0, ...size);
    context.drawImage(other, at, 0, ...size, at, 0, ...size);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    return context;
  }
}

/** The colours of the style, read anew when the reader changes between light and dark. */
export class Colours {
  count = 0; // how often they were read

  constructor() {
    const read = () => {
      this.count++;
      const style = getComputedStyle(document.documentElement);
      for (const name of ["up", "down", "muted", "line", "text", "accent", "panel"]) {
        this[name] = style.getPropertyValue(`--${name}`).trim();
      }
    };
    read();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", read);
  }
}

/** Of a span of `seconds`, how much to show: all that is known, at least a minute, so that a young picture is no speck. */
export function shownOf(history, seconds) {
  return Math.min(seconds, Math.max(60, history.length));
}

/** The lowest and the highest of the last `seconds`, and the first and the last that are known. */
export function extent(history, seconds) {
  const found = { low: Infinity, high: -Infinity, first: NaN, last: NaN, known: 0 };
  history.walk(seconds, (ago, price) => {
    if (Number.isNaN(price)) return;
    found.low = Math.min(found.low, price);
    found.high = Math.max(found.high, price);
    if (found.known++ === 0) found.first = price;
    found.last = price;
  });
  return found;
}

/** Draws the path of a history into a box, up to the second before this one, and breaks it at gaps. */
export function trace(context, history, seconds, { x, y }) {
  let isDown = false;
  context.beginPath();
  history.walk(seconds, (ago, price) => {
    if (ago === 0) return;
    const isGap = Number.isNaN(price);
    if (!isGap && isDown) context.lineTo(x(ago), y(price));
    else if (!isGap) context.moveTo(x(ago), y(price));
    isDown = !isGap;
  });
  context.stroke();
}

const SVG = "http://www.w3.org/2000/svg";
const [SPARK_WIDTH, SPARK_HEIGHT] = [100, 36];

/** The small line of a row. A path and no canvas: a hundred canvases would be a hundred layers to put together. */
export class Spark {
  element = document.createElementNS(SVG, "svg");
  #path = document.createElementNS(SVG, "path");
  #drawn = "";

  constructor() {
    this.element.setAttribute("viewBox", `0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`);
    this.element.setAttribute("preserveAspectRatio", "none");
    this.element.setAttribute("aria-hidden", "true");
    this.element.append(this.#path);
  }

  draw(history, isLive) {
    const seconds = shownOf(history, SPARK_SECONDS);
    const { low, high, first, last, known } = extent(history, seconds);
    const span = high - low;
    const scale = (SPARK_HEIGHT - 6) / span;
    let line = "";
    let isDown = false;
    history.walk(seconds, (ago, price) => {
      if (Number.isNaN(price)) {
        isDown = false;
        return;
      }
      const x = (1 - ago / (seconds - 1)) * SPARK_WIDTH;
      const y = span ? 3 + (high - price) * scale : SPARK_HEIGHT / 2;
      line += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      isDown = true;
    });
    if (line === this.#drawn) return;
    this.#drawn = line;
    this.#path.setAttribute("d", known > 1 ? line : "");
    this.element.dataset.trend = !isLive ? "old" : last >= first ? "up" : "down";
  }
}
