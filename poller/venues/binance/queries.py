"""How requests to Binance name symbols."""

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

import orjson

INVALID_SYMBOL: Final = -1121
"""The error code of a request that names an unlisted symbol (API documents, "Error codes")."""

MOST_SYMBOLS: Final = 100
"""The most symbols in one request for the listing."""
_PART_LENGTH: Final = 3000
"""The most characters of the list in such a request, encoded."""
_LIST_LENGTH: Final = 4000
"""For a list of more characters, encoded, it is better to request all symbols."""


def symbols_query(symbols: tuple[str, ...]) -> dict[str, str]:
    """The query that names these symbols: ``symbol`` for one, ``symbols`` for several, empty for very many."""
    if len(symbols) == 1:
        return {"symbol": symbols[0]}
    listed = orjson.dumps(symbols).decode()
    return {"symbols": listed} if len(quote(listed, safe="")) <= _LIST_LENGTH else {}


def parts(symbols: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Cut ``symbols`` into parts for one request for the listing each."""
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
