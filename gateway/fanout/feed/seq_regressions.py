"""Symbols whose ticks have lower numbers than the one held. No I/O.

One such tick is only late. If nothing else comes for a symbol in three seconds, the tick held is wrong: the poller's
clock went back and the bus lost its data, or somebody else wrote to the bus. The symbol then continues with its
poller's numbers. So no number can silence a symbol.
"""

from typing import Final

from msgspec import Struct

from market.prices.tick import Tick

REGRESSION_S: Final = 3.0
"""After a late tick, a newer one or the one held again comes within far less."""


class Regression(Struct):
    """Since when only older ticks of a symbol came, and the newest of them."""

    since: float
    newest: Tick


class SeqRegressions:
    """Judges each symbol by its own ticks. Times are the event loop's."""

    def __init__(self) -> None:
        self.by_symbol: dict[str, Regression] = {}
        """Nearly always empty."""

    def add(self, tick: Tick, now: float) -> None:
        """``tick`` came, and is older than the one held."""
        regression = self.by_symbol.get(tick.symbol)
        if regression is None:
            self.by_symbol[tick.symbol] = Regression(now, tick)
        elif tick.seq >= regression.newest.seq:
            regression.newest = tick

    def forget(self, symbol: str) -> None:
        """The tick held is right (it came again, or a newer one came), or ``symbol`` is no longer served."""
        self.by_symbol.pop(symbol, None)

    def clear(self) -> None:
        """The link is down."""
        self.by_symbol.clear()

    def take_due(self, now: float) -> list[Tick]:
        """Remove and return the newest tick of each symbol of which only older ones came for `REGRESSION_S`."""
        due = [regression.newest for regression in self.by_symbol.values() if now - regression.since >= REGRESSION_S]
        for tick in due:
            del self.by_symbol[tick.symbol]
        return due
