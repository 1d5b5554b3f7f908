"""The feeds of all venues together."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from gateway.fanout.feed.symbol_states.states_by_venue import StatesByVenue, venues_of
from gateway.fanout.feed.venue_feed import BusLink, VenueFeed
from gateway.protocol.messages import Status
from market.bus import LastValues
from market.prices.symbols import Symbols
from market.prices.venues import venue_of
from market.wire.status import BatchLayout


class VenueFeeds:
    """The `VenueFeed` of every venue that has symbols here."""

    def __init__(
        self,
        symbols: Symbols,
        states: StatesByVenue,
        store: LastValues,
        bus_link: BusLink,
        *,
        problem: Callable[[str], str],
        refuse: Callable[[str, str], None],
        broadcast: Callable[[Status], None],
        announced: Callable[[str, Collection[str]], None],
        now_us: Callable[[], int],
    ) -> None:
        """See `VenueFeed`; ``states`` has those of all venues. Their first statuses are not broadcast."""
        self._broadcast = broadcast

        def new(venue: str) -> VenueFeed:
            return VenueFeed(
                venue,
                states.of(venue),
                store,
                bus_link,
                problem=problem,
                refuse=refuse,
                broadcast=broadcast,
                announced=announced,
                now_us=now_us,
            )

        self._new: Final = new
        self._feeds = {venue: new(venue) for venue in venues_of(symbols)}
        self.by_venue: Mapping[str, VenueFeed] = self._feeds
        """Venue → its feed, as it is now."""

    @property
    def statuses(self) -> tuple[Status, ...]:
        """The status of each venue, as sent to clients."""
        return tuple(feed.status for feed in self._feeds.values())

    def serve(self, symbols: Symbols) -> None:
        """Follow the venues of ``symbols`` and no others; clients are told which came and which went."""
        venues = venues_of(symbols)
        for venue in self._feeds.keys() - set(venues):
            self._feeds.pop(venue).end()
        for venue in venues:
            if venue not in self._feeds:
                self._feeds[venue] = feed = self._new(venue)
                self._broadcast(feed.status)

    def bus_link_up(self, now: float) -> None:
        """A link is up, and the last values have been read."""
        for feed in self._feeds.values():
            feed.bus_link_up(now)

    def bus_link_down(self) -> None:
        """The link has ended."""
        for feed in self._feeds.values():
            feed.states_reader.cancel()

    def caught_up(self) -> None:
        """The last values have been read after `subscribed`."""
        for feed in self._feeds.values():
            feed.caught_up()

    def assume(self, partitions: int) -> None:
        """Read batches in so many partitions until heartbeats say what there is."""
        for feed in self._feeds.values():
            feed.assume(partitions)

    def announced(self) -> dict[str, BatchLayout | None]:
        """The batches that the poller of each venue publishes."""
        return {venue: feed.announced for venue, feed in self._feeds.items()}

    def subscribed(self, layouts: Mapping[str, BatchLayout | None]) -> None:
        """The link brings the batches of ``layouts`` from now on."""
        for venue, layout in layouts.items():
            if (feed := self._feeds.get(venue)) is not None:
                feed.subscribed(layout)

    def read_states(self, now: float) -> None:
        """Read the states of venues where that is due."""
        for feed in self._feeds.values():
            feed.states_reader.read_if_due(now)

    def is_any_alive(self, now: float) -> bool:
        """Whether heartbeats of some venue come over this link."""
        return any(feed.is_alive(now) for feed in self._feeds.values())

    def heartbeat_at(self, symbol: str | None) -> float:
        """When the newest heartbeat of the venue of ``symbol`` came; of any venue if ``symbol`` is None."""
        if symbol is None:
            return max(feed.heartbeat_at for feed in self._feeds.values())
        feed = self._feeds.get(venue_of(symbol))
        return feed.heartbeat_at if feed is not None else 0.0

    def look(self) -> None:
        """Report what has changed to the clients, venue by venue."""
        for feed in self._feeds.values():
            feed.look()
