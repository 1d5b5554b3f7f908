// Pictures of prices: the small line in each row. Sizes come from an observer, colours from the style; nothing here
// asks for a layout.

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

  /** An empty picture, whose unit is a pixel of the style. */
  begin() {
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    return this.context;
  }
}

/** The colours of the style, read anew when the reader changes between light and dark. */
export class Colours {
  constructor(changed) {
    const read = () => {
      const style = getComputedStyle(document.documentElement);
      for (const name of ["up", "down", "muted", "line", "text", "accent", "panel"]) {
        this[name] = style.getPropertyValue(`--${name}`).trim();
      }
    };
    read();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (read(), changed()));
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

/** Draws the path of a history into a box, and breaks it at gaps; returns where it ended. */
export function trace(context, history, seconds, { x, y }) {
  let isDown = false;
  const end = { x: NaN, y: NaN };
  context.beginPath();
  history.walk(seconds, (ago, price) => {
    if (Number.isNaN(price)) {
      isDown = false;
      return;
    }
    end.x = x(ago);
    end.y = y(price);
    if (isDown) context.lineTo(end.x, end.y);
    else context.moveTo(end.x, end.y);
    isDown = true;
  });
  context.stroke();
  return end;
}

export function drawSpark(picture, history, colours, isLive) {
  if (!picture.width) return;
  const context = picture.begin();
  const seconds = shownOf(history, SPARK_SECONDS);
  const { low, high, first, last, known } = extent(history, seconds);
  const middle = picture.height / 2;
  context.lineWidth = 1;
  context.setLineDash([2, 3]);
  context.strokeStyle = colours.line;
  context.beginPath();
  context.moveTo(0, middle);
  context.lineTo(picture.width, middle);
  context.stroke();
  context.setLineDash([]);
  if (known < 2) return;
  const room = picture.height - 6;
  const span = high - low;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.strokeStyle = !isLive ? colours.muted : last >= first ? colours.up : colours.down;
  trace(context, history, seconds, {
    x: (ago) => (1 - ago / (seconds - 1)) * (picture.width - 2) + 1,
    y: (price) => (span ? 3 + (1 - (price - low) / span) * room : middle),
  });
}
