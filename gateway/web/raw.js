// The messages as they come, for who writes a client. Nothing is kept while the pane is closed.

const MOST_LINES = 100;
const LONGEST_LINE = 2_000;
const EVERY_MS = 250;

export class RawMessages {
  isOpen = false;
  #lines = [];
  #changed = false;
  #isPaused = false;

  constructor(element) {
    this.element = element;
    const output = element.querySelector("pre");
    const pause = element.querySelector("button");
    pause.addEventListener("click", () => {
      this.#isPaused = !this.#isPaused;
      pause.setAttribute("aria-pressed", String(this.#isPaused));
    });
    setInterval(() => {
      if (!this.#changed || this.#isPaused) return;
      this.#changed = false;
      output.textContent = this.#lines.toReversed().join("\n");
    }, EVERY_MS);
  }

  open(isOpen) {
    this.isOpen = isOpen;
    this.element.hidden = !isOpen;
    if (!isOpen) this.#lines = [];
  }

  /** Take a message, sent (">") or received ("<"). */
  take(direction, text) {
    if (!this.isOpen || this.#isPaused) return;
    this.#lines.push(`${direction} ${text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text}`);
    if (this.#lines.length > MOST_LINES) this.#lines.splice(0, this.#lines.length - MOST_LINES);
    this.#changed = true;
  }
}
