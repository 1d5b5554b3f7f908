"""Clients whose language has no word for stale prices: they are closed, for silence says nothing to them.

They are looked at once a second, while there are any. A client that comes back at once has as long as before; it is
sent no old price meanwhile (`is_current`).
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from gateway.protocol.forms import FramedStatus
from gateway.protocol.messages import Status
from market.prices.venues import venue_of

STALE_S: Final = 10.0
"""So long the prices of a client may be stale."""

LOOK_S: Final = 1.0

_AT_ONCE: Final = 200
"""Closed in one turn of the event loop."""

_STALE: Final = ("stale", "unknown")
"""States of symbols whose prices may be old. That of one that is not traded now stands still, and is current."""


class Venues(Protocol):
    """What a gateway knows of its venues."""

    @property
    def statuses(self) -> Collection[Status]:
        """The status of each."""


class Holder(Protocol):
    """A client."""

    @property
    def held(self) -> Collection[str]:
        """The symbols that it holds."""

    def close_as_stale(self) -> None:
        """Close it."""


class StaleHolders:
    """Those of one gateway."""

    def __init__(self, feed: Venues, states: Mapping[str, FramedStatus]) -> None:
        """``states`` has the state of every topic that has ever been other than live."""
        self._feed = feed
        self._states = states
        self._since: dict[Holder, float | None] = {}
        """Since when prices of each are stale, in the event loop's time; None if they are current."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, holder: Holder) -> None:
        """Look at ``holder`` from now on."""
        self._since[holder] = None
        if self._timer is None:
            self._look_later(LOOK_S)

    def remove(self, holder: Holder) -> None:
        """``holder`` is gone."""
        self._since.pop(holder, None)

    def is_current(self, symbol: str) -> bool:
        """Whether the price of ``symbol`` is."""
        return venue_of(symbol) not in self._stale_venues() and symbol not in self._stale_symbols()

    def _stale_venues(self) -> set[str]:
        return {status.venue for status in self._feed.statuses if status.feed == "stale"}

    def _stale_symbols(self) -> set[str]:
        return {symbol for symbol, status in self._states.items() if status.message.state in _STALE}

    def _look_later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.look)

    def look(self) -> None:
        """Close those whose prices are stale for too long."""
        self._timer = None
        now, venues, symbols = asyncio.get_running_loop().time(), self._stale_venues(), self._stale_symbols()
        due = []
        for holder, since in self._since.items():
            if not (venues or symbols) or not _holds_stale(holder.held, venues, symbols):
                self._since[holder] = None
            elif since is None:
                self._since[holder] = now
            elif now - since >= STALE_S:
                due.append(holder)
        for holder in due[:_AT_ONCE]:
            del self._since[holder]
            holder.close_as_stale()
        if self._since:
            self._look_later(0 if due[_AT_ONCE:] else LOOK_S)


def _holds_stale(held: Iterable[str], venues: Collection[str], symbols: Collection[str]) -> bool:
    return any(symbol in symbols or venue_of(symbol) in venues for symbol in held)
