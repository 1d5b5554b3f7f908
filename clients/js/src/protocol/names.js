// Which symbol a name means. The gateway decides: its answer lists full names, and this matches them with what was asked.

export const ALL = "*";

/** Only A to Z have no case, as in the gateway. @param {string} name */
export function upper(name) {
  return name.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/**
 * Match `names` with the `symbols` of the answer, which has each symbol once, in the order of the names.
 *
 * @param {string[]} names @param {string[]} symbols
 * @returns {{ found: Map<string, string>, left: string[] }} `left` are names of which the answer does not tell.
 */
export function settle(names, symbols) {
  const unclaimed = new Map(symbols.map((symbol) => [upper(symbol), symbol]));
  const found = new Map();
  for (const name of names) {
    const symbol = unclaimed.get(upper(name));
    if (symbol !== undefined) found.set(name, symbol);
  }
  for (const symbol of found.values()) unclaimed.delete(upper(symbol));
  const left = names.filter((name) => !found.has(name));
  // As many names as symbols: none was wrong, and no two mean the same.
  if (left.length !== unclaimed.size) return { found, left };
  const rest = [...unclaimed.values()];
  left.forEach((name, index) => found.set(name, rest[index]));
  return { found, left: [] };
}

/**
 * The symbol that a name means among those that the gateway lists; undefined if none, or several.
 *
 * @param {string} name @param {import("./messages.js").ServedSymbol[]} listing
 */
export function lookUp(name, listing) {
  const wanted = upper(name);
  const plain = bare(wanted);
  return (
    only(listing.filter(({ symbol }) => upper(symbol) === wanted)) ??
    only(listing.filter(({ aliases = [] }) => aliases.some((alias) => upper(alias) === wanted))) ??
    only(listing.filter(({ symbol }) => bare(upper(symbol)) === plain))
  );
}

function only(found) {
  return found.length === 1 ? found[0].symbol : undefined;
}

// A pair without what stands between base and quote.
function bare(name) {
  return name.replace(/[/_-]/g, "");
}
