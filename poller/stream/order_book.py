"""The top of an order book, for dialects of exchanges that send a book by its levels."""

from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import Final

from msgspec import Struct

MOST_LEVELS: Final = 250_000
"""The most levels on one side; the busiest books have some tens of thousands."""
FOLLOWS_WITHIN_US: Final = 5_000_000
"""The book's change has arrived this long after a trade, with time to spare."""
_SLACK: Final = 1_000


class BookError(ValueError):
    """A level that is no decimal numbers, or too many levels."""


class Level(Struct, frozen=True):
    """A price and the size at it, as the exchange writes them."""

    price: str
    size: str


Top = tuple[Level | None, Level | None]
"""The best bid and the best ask; None if a side is empty."""


class Side:
    """The levels of one side, and the best of them."""

    def __init__(self, best: int) -> None:
        """``best`` is -1 if the highest price is best (bids), 1 if the lowest is (asks)."""
        self._best = best
        self._levels: dict[Decimal, Level] = {}
        """By price times ``best``: the smallest is the best."""
        self._heap: list[Decimal] = []
        """The keys, and some that are removed already."""

    def put(self, price: str, size: str) -> None:
        """Set the size at ``price``; zero removes the level.

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
        """The best level; None if the side is empty."""
        while self._heap and self._heap[0] not in self._levels:
            heappop(self._heap)
        return self._levels[self._heap[0]] if self._heap else None


class OrderBook:
    """Both sides of one symbol's book. Times are the exchange's, in microseconds."""

    def __init__(self) -> None:
        """Empty."""
        self.bids = Side(-1)
        self.asks = Side(1)
        self._reported: Top | None = None
        self._changed_at: int | None = None
        self._traded_at: int | None = None
        """The time of the first trade since then."""

    def top(self) -> Top:
        """The best bid and the best ask."""
        return self.bids.top(), self.asks.top()

    def changed(self, at_us: int | None) -> Top | None:
        """Levels were put, with the exchange's time ``at_us``; return the top if it has moved, else None."""
        self._traded_at = None
        if at_us is not None:
            self._changed_at = at_us
        top = self.top()
        if top == self._reported:
            return None
        self._reported = top
        return top

    def follows(self, traded_us: int | None) -> bool:
        """Whether the book can be right after a trade at ``traded_us``.

        Each trade changes a level. A book that does not change for `FOLLOWS_WITHIN_US` despite trades is wrong.
        """
        if traded_us is None or self._changed_at is None or traded_us <= self._changed_at:
            return True
        if self._traded_at is None:
            self._traded_at = traded_us
        return traded_us - self._traded_at < FOLLOWS_WITHIN_US
