"""Reads the bus's last values: when a link comes up, and when a link that goes on has missed something."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from gateway.fanout.feed.bus_link_health import BusLinkHealth
from gateway.fanout.feed.intake import Intake
from gateway.fanout.feed.stats import StatsFeed
from gateway.fanout.feed.venue_feed import BusLink, VenueFeed
from gateway.log_events import FIGURES_NOT_READ, LAST_VALUES_NOT_READ
from market.bus import Bus, BusDownError, BusSubscription
from market.prices.symbols import Symbols
from market.wire.topics import last_listing, last_states, last_stats, last_ticks

_RETRY_S: Final = 0.25

logger = logging.getLogger(__name__)


class LastValuesReader:
    """Gives last values to those who take them."""

    def __init__(
        self, bus: Bus, venues: Mapping[str, VenueFeed], health: BusLinkHealth, intake: Intake, stats: StatsFeed
    ) -> None:
        """Read from ``bus``: ticks for ``intake``, the states of ``venues``, and for ``stats`` what changes slowly."""
        self._bus = bus
        self._venues = venues
        self._health = health
        self._intake = intake
        self._stats = stats

    async def read(self, symbols: Symbols) -> None:
        """Take the last values of ``symbols``.

        Raises:
            BusDownError: the bus did not answer.
        """
        # Only our own symbols: the store may hold any number of others.
        store = self._bus.last_values
        values = await last_ticks(store, symbols)
        states = {venue: await last_states(store, venue) for venue in tuple(self._venues)}
        self._health.count_missed(values)
        # Only values newer than what the link has already delivered change anything.
        self._intake.take_stored(values)
        for venue, payload in states.items():
            if venue in self._venues:
                self._venues[venue].states_reader.take(payload)
        await self._read_slow_topics(symbols)

    async def _read_slow_topics(self, symbols: Symbols) -> None:
        """Take figures of 24 hours and listings. Prices do not wait for them if our user may not read them."""
        store = self._bus.last_values
        try:
            self._stats.take_stored(await last_stats(store, symbols))
            for venue in tuple(self._venues):
                if (listing := await last_listing(store, venue)) is not None:
                    self._stats.listing_received(venue, listing)
        except BusDownError as error:
            logger.warning(FIGURES_NOT_READ, self._bus.name, error)

    async def catch_up(
        self, symbols: Symbols, subscription: BusSubscription, bus_link: BusLink, look: Callable[[], None]
    ) -> None:
        """Take what ``subscription`` has missed in some partition; its others go on meanwhile.

        While the bus does not answer, ``bus_link`` is interrupted, and ``look`` reports that.
        """
        subscription.missed.clear()
        try:
            await self.read(symbols)
        except BusDownError as error:
            logger.warning(LAST_VALUES_NOT_READ, self._bus.name, error)
            subscription.missed.set()
            bus_link.interrupted = True
            look()
            await asyncio.wait((subscription.lost,), timeout=_RETRY_S)
            return
        bus_link.behind = False
        # Prices are live again, or go on to be, with heartbeats that come from now on.
        bus_link.up_since = now = asyncio.get_running_loop().time()
        self._health.bus_link_up(now)
