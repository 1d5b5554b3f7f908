"""Clients whose language has no word for stale prices: they are closed, for silence says nothing to them.

They are looked at once a second, while there are any. A client that comes back at once has as long as before; it is
sent no old price meanwhile (`is_current`).
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Final, Protocol

from gateway.log_events import STALE_CLIENTS_CLOSED
from gateway.protocol.channels import symbol_of
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

logger = logging.getLogger(__name__)


class Venues(Protocol):
    """What a gateway knows of its venues."""

    @property
    def statuses(self) -> Collection[Status]:
        """The status of each."""


class Holder(Protocol):
    """A client."""

    @property
    def held(self) -> Collection[str]:
        """The symbols that it holds; none if it is not to be closed.

        An empty name is a wish for all symbols of the default venue: it is stale if the venue is. One symbol of
        hundreds that stands still would close such clients for ever.
        """

    def close_as_stale(self, symbol: str) -> None:
        """Close it: the price of ``symbol`` is stale."""


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
        status = self._states.get(symbol)
        return (status is None or status.message.state not in _STALE) and venue_of(symbol) not in self._stale_venues()

    def parted(self, topics: Collection[str]) -> tuple[list[str], list[str]]:
        """Those of ``topics`` whose symbols have current prices, and the others."""
        parts: tuple[list[str], list[str]] = [], []
        for topic in topics:
            parts[not self.is_current(symbol_of(topic))].append(topic)
        return parts

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
            symbol = _stale_one(holder.held, venues, symbols) if venues or symbols else None
            if symbol is None:
                self._since[holder] = None
            elif since is None:
                self._since[holder] = now
            elif now - since >= STALE_S:
                due.append((holder, symbol))
        if due:
            logger.warning(STALE_CLIENTS_CLOSED, len(due), due[0][1] or "all")
        for holder, symbol in due[:_AT_ONCE]:
            del self._since[holder]
            holder.close_as_stale(symbol)
        if self._since:
            self._look_later(0 if due[_AT_ONCE:] else LOOK_S)


def _stale_one(held: Collection[str], venues: Collection[str], symbols: Collection[str]) -> str | None:
    if venues:
        for symbol in held:
            if venue_of(symbol) in venues:
                return symbol
    few, many = (held, symbols) if len(held) < len(symbols) else (symbols, held)
    return next((symbol for symbol in few if symbol in many), None)
