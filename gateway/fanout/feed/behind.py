"""Symbols whose ticks are numbered below the one that is held. Free of I/O.

One such tick is only late. Where nothing else comes of a symbol for three seconds, the one that is held is wrong: a
poller's clock was set back and the bus has forgotten what it held, or somebody else wrote to the bus. The symbol then
goes on with what its poller says, so that no number can silence it.
"""

from typing import Final

from msgspec import Struct

from market.prices.tick import Tick

BEHIND_S: Final = 3.0
"""A late tick is followed by a newer one, or by the one that is held, within far less."""


class Wait(Struct):
    """A symbol of which only older ticks than the one held came."""

    since: float
    newest: Tick


class Behind:
    """Each symbol is judged by its own ticks. Times are the event loop's."""

    def __init__(self) -> None:
        self.waits: dict[str, Wait] = {}
        """By symbol; nearly always empty."""

    def add(self, tick: Tick, now: float) -> None:
        """``tick`` came, and is older than the one of its symbol that is held."""
        wait = self.waits.get(tick.symbol)
        if wait is None:
            self.waits[tick.symbol] = Wait(now, tick)
        elif tick.seq >= wait.newest.seq:
            wait.newest = tick

    def forget(self, symbol: str) -> None:
        """What is held of ``symbol`` is right: it came again, or a newer one did; or the symbol is not served."""
        self.waits.pop(symbol, None)

    def clear(self) -> None:
        """The link is gone."""
        self.waits.clear()

    def take_due(self, now: float) -> list[Tick]:
        """The newest tick of each symbol of which only older ones than the held came for `BEHIND_S`, each once."""
        due = [wait.newest for wait in self.waits.values() if now - wait.since >= BEHIND_S]
        for tick in due:
            del self.waits[tick.symbol]
        return due
