"""The top of an order book that is told by its levels."""

from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import Final

from msgspec import Struct

MOST_LEVELS: Final = 250_000
"""On one side; the busiest books have some tens of thousands."""
_SLACK: Final = 1_000


class BookError(ValueError):
    """A level that makes no sense, or too many of them."""


class Level(Struct, frozen=True):
    """A price and how much there is at it, in the exchange's own words."""

    price: str
    size: str


class Side:
    """The levels of one side, and which of them is best."""

    def __init__(self, best: int) -> None:
        """``best`` is -1 where the highest price is best (bids), 1 where the lowest is (asks)."""
        self._best = best
        self._levels: dict[Decimal, Level] = {}
        """By price times ``best``: the smallest is the best."""
        self._heap: list[Decimal] = []
        """The keys, and some that have gone."""

    def put(self, price: str, size: str) -> None:
        """There is ``size`` at ``price`` from now on; zero takes the level away.

        Raises:
            BookError: not decimals, or too many levels.
        """
        try:
            key, amount = self._best * Decimal(price), Decimal(size)
        except ArithmeticError:
            raise BookError(f"no level: {price[:40]!r}, {size[:40]!r}") from None
        if not key.is_finite() or not amount.is_finite():
            raise BookError(f"no level: {price[:40]!r}, {size[:40]!r}")
        if not amount:
            self._levels.pop(key, None)
            return
        if key not in self._levels:
            heappush(self._heap, key)
        self._levels[key] = Level(price, size)
        if len(self._levels) > MOST_LEVELS:
            raise BookError(f"more than {MOST_LEVELS} levels")
        if len(self._heap) > 2 * len(self._levels) + _SLACK:
            self._heap = list(self._levels)
            heapify(self._heap)

    def top(self) -> Level | None:
        """The best level; None where there is none."""
        while self._heap and self._heap[0] not in self._levels:
            heappop(self._heap)
        return self._levels[self._heap[0]] if self._heap else None


class OrderBook:
    """Both sides of one symbol's book."""

    def __init__(self) -> None:
        """Empty."""
        self.bids = Side(-1)
        self.asks = Side(1)

    def top(self) -> tuple[Level | None, Level | None]:
        """The best bid and the best ask."""
        return self.bids.top(), self.asks.top()
