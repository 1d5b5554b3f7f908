// What the reader has chosen: symbols, rate, batches. It is kept in the browser, and nowhere else.

const KEY = "tickgate";
const MOST_KNOWN = 2_000; // names that are suggested
const RATES = [0, 10, 5, 2, 1, 0.5];

export class Choice {
  symbols = null; // null means all that there are
  maxHz = 0; // 0 means every update
  batch = true;

  constructor() {
    let kept = null;
    try {
      kept = JSON.parse(localStorage.getItem(KEY));
    } catch {
      return; // no storage, or what is in it is not ours
    }
    const { symbols, maxHz, batch } = kept ?? {};
    if (Array.isArray(symbols) && symbols.every((symbol) => typeof symbol === "string")) this.symbols = symbols;
    if (RATES.includes(maxHz)) this.maxHz = maxHz;
    if (typeof batch === "boolean") this.batch = batch;
  }

  change(changes) {
    Object.assign(this, changes);
    try {
      localStorage.setItem(KEY, JSON.stringify({ symbols: this.symbols, maxHz: this.maxHz, batch: this.batch }));
    } catch {
      // Without storage it lasts as long as the page.
    }
  }

  /** What to send for these symbols. */
  subscribe(symbols, more) {
    const options = { ...(this.batch ? { batch: true } : {}), ...(this.maxHz ? { max_hz: this.maxHz } : {}) };
    return { type: "subscribe", symbols, ...options, ...more };
  }
}

/** The symbol that the page's address names; empty without one. */
export function fromAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** Add what a gateway serves to a list of suggestions. */
export function suggest(list, symbols) {
  for (const { symbol } of symbols) {
    if (list.childElementCount >= MOST_KNOWN) return;
    const option = document.createElement("option");
    option.value = symbol;
    list.append(option);
  }
}
