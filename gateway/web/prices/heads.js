// The heads of the table's columns, by which it is put in order.

import { COLUMNS } from "./row.js";

const AGAIN_S = 5; // prices move: the order is renewed so often, unless somebody is in the table
const RISES_FIRST = ["symbol", "age", "spread"];

export class Heads {
  #buttons = new Map();
  #column = "";
  #falls = false;
  #seconds = 0;

  constructor(row, sort) {
    for (const [key, label, more] of [["symbol", "Symbol", ""], ...COLUMNS, ["trend", "5 minutes", ""]]) {
      const head = document.createElement("th");
      head.setAttribute("role", "columnheader");
      head.scope = "col";
      head.dataset.key = key;
      row.append(head);
      if (key === "trend") {
        head.textContent = label;
        continue;
      }
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      head.append(button);
      if (more) {
        const second = document.createElement("span");
        second.className = "more";
        second.textContent = more;
        head.append(" ", second);
      }
      this.#buttons.set(key, head);
      // Once one way, once the other, and then as the gateway has them.
      button.addEventListener("click", () => {
        const first = !RISES_FIRST.includes(key);
        if (this.#column !== key) [this.#column, this.#falls] = [key, first];
        else if (this.#falls === first) this.#falls = !first;
        else [this.#column, this.#falls] = ["", false];
        for (const [name, element] of this.#buttons) {
          if (name === this.#column) element.setAttribute("aria-sort", this.#falls ? "descending" : "ascending");
          else element.removeAttribute("aria-sort");
        }
        sort(this.#column, this.#falls);
      });
    }
    this.body = row.closest("table");
  }

  /** A second has passed; `arrange` puts the rows in order again. */
  tick(arrange) {
    if (!this.#column || this.#column === "symbol" || ++this.#seconds % AGAIN_S) return;
    if (!this.body.matches(":hover, :focus-within")) arrange();
  }
}
