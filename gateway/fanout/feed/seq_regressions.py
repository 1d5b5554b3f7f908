"""Symbols whose ticks are numbered below the one that is held. Free of I/O.

One such tick is only late. Where nothing else comes of a symbol for three seconds, the one that is held is wrong: a
poller's clock was set back and the bus has forgotten what it held, or somebody else wrote to the bus. The symbol then
goes on with what its poller says, so that no number can silence it.
"""

from typing import Final

from msgspec import Struct

from market.tick import Tick

REGRESSION_S: Final = 3.0
"""A late tick is followed by a newer one, or by the one that is held, within far less."""


class Regression(Struct):
    """A symbol of which only older ticks than the one held came."""

    since: float
    newest: Tick


class SeqRegressions:
    """Each symbol is judged by its own ticks. Times are the event loop's."""

    def __init__(self) -> None:
        self.by_symbol: dict[str, Regression] = {}
        """By symbol; nearly always empty."""

    def add(self, tick: Tick, now: float) -> None:
        """``tick`` came, and is older than the one of its symbol that is held."""
        regression = self.by_symbol.get(tick.symbol)
        if regression is None:
            self.by_symbol[tick.symbol] = Regression(now, tick)
        elif tick.seq >= regression.newest.seq:
            regression.newest = tick

    def forget(self, symbol: str) -> None:
        """What is held of ``symbol`` is right: it came again, or a newer one did; or the symbol is not served."""
        self.by_symbol.pop(symbol, None)

    def clear(self) -> None:
        """The link is gone."""
        self.by_symbol.clear()

    def take_due(self, now: float) -> list[Tick]:
        """The newest tick of each symbol of which only older ones than the held came for `REGRESSION_S`, each once."""
        due = [regression.newest for regression in self.by_symbol.values() if now - regression.since >= REGRESSION_S]
        for tick in due:
            del self.by_symbol[tick.symbol]
        return due
