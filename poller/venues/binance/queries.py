"""How Binance is asked about symbols."""

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

import orjson

INVALID_SYMBOL: Final = -1121
"""One of the symbols in a question is none (API documents, "Error codes")."""

MOST_SYMBOLS: Final = 100
"""Named in one question about what is listed."""
_PART_LENGTH: Final = 3000
"""Characters of the list in such a question, encoded."""
_LIST_LENGTH: Final = 4000
"""Characters of a list of symbols, encoded, above which it is better to ask for all of them."""


def symbols_query(symbols: tuple[str, ...]) -> dict[str, str]:
    """The query that names these symbols: ``symbol`` for one, ``symbols`` for several, empty for very many."""
    if len(symbols) == 1:
        return {"symbol": symbols[0]}
    listed = orjson.dumps(symbols).decode()
    return {"symbols": listed} if len(quote(listed, safe="")) <= _LIST_LENGTH else {}


def parts(symbols: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Cut ``symbols`` into what one question about what is listed may name."""
    part: list[str] = []
    length = 0
    for symbol in symbols:
        size = len(quote(f'"{symbol}",', safe=""))
        if part and (len(part) == MOST_SYMBOLS or length + size > _PART_LENGTH):
            yield tuple(part)
            part, length = [], 0
        part.append(symbol)
        length += size
    if part:
        yield tuple(part)
