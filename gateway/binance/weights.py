"""The weight of requests, as Binance counts it: of each address, in each minute of the clock."""

from collections.abc import Mapping
from typing import Final

LIMIT: Final = 6_000
"""The weight that one address may use in a minute."""

_MINUTE_S: Final = 60
_MOST_ADDRESSES: Final = 100_000

_OF_ONE: Final[Mapping[str, int]] = {
    "exchangeInfo": 20,
    "ticker/24hr": 2,
    "ticker/bookTicker": 2,
    "ticker/price": 2,
}
"""Of a request that names one symbol (API documents, "Market Data endpoints"); every other one is 1."""


def weight(path: str, symbols: int) -> int:
    """The weight of a request for ``path`` that names so many symbols; 0 of them means all."""
    of_one = _OF_ONE.get(path, 1)
    if path == "ticker/24hr":
        return of_one if 0 < symbols <= 20 else 40 if 0 < symbols <= 100 else 80
    if path.startswith("ticker/"):
        return of_one if symbols == 1 else 2 * of_one
    return of_one


class Weights:
    """What each address has used in this minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._used: dict[str, int] = {}

    def use(self, address: str, more: int, now_s: float) -> int:
        """Count ``more`` for ``address`` at the Unix time ``now_s``; return what it has used, this included."""
        minute = int(now_s) // _MINUTE_S
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
        used = self._used.get(address, 0) + more
        if address in self._used or len(self._used) < _MOST_ADDRESSES:
            self._used[address] = used
        return used

    def left_s(self, now_s: float) -> int:
        """The seconds until the next minute."""
        return _MINUTE_S - int(now_s) % _MINUTE_S
