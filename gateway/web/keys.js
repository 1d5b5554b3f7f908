// Keys: arrows go from row to row, Delete takes a symbol away, / searches, Escape closes what covers the table.

const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

export function followKeys(rows, { remove, search, escape }) {
  rows.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr");
    if (event.key === "Delete") remove(row.dataset.symbol);
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    const shown = [...rows.children].filter((element) => !element.hidden);
    const next = shown[Math.min(shown.length - 1, Math.max(0, shown.indexOf(row) + STEPS[event.key]))];
    row.querySelector("button").tabIndex = -1;
    next.querySelector("button").tabIndex = 0;
    next.querySelector("button").focus();
  });
  addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, select, textarea");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      search();
    } else if (event.key === "Escape") escape();
  });
}
