"""How Binance is asked about symbols."""

from typing import Final
from urllib.parse import quote

import orjson

INVALID_SYMBOL: Final = -1121
"""One of the symbols in a question is none (API documents, "Error codes")."""

_LIST_LENGTH: Final = 4000
"""Characters of a list of symbols, encoded, above which it is better to ask for all of them."""


def symbols_query(symbols: tuple[str, ...]) -> dict[str, str]:
    """The query that names these symbols: ``symbol`` for one, ``symbols`` for several, empty for very many."""
    if len(symbols) == 1:
        return {"symbol": symbols[0]}
    listed = orjson.dumps(symbols).decode()
    return {"symbols": listed} if len(quote(listed, safe="")) <= _LIST_LENGTH else {}
