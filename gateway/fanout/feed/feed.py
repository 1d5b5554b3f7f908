"""Bus → last values → hub, and whether prices are live.

Two checks are kept apart. Is the link to the bus alive? It is pinged each second, and anything received counts. After
`HEARTBEAT_TIMEOUT_S` without anything it is closed and replaced. Is a venue's poller alive, and does it receive the
exchange (`gateway.fanout.feed.venue_feed`)? If not, the link stays. Prices of a venue are live when both answers are
yes and nothing shows that its ticks are lost.

A link may be up and yet useless: its other end no longer has the prices, or it carries heartbeats and no ticks
(`gateway.fanout.feed.delivery`). It is replaced too, but seldom: it may not be at fault. Clients see one `stale`.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Container
from typing import Final

from gateway.fanout.feed.bus_link_health import BusLinkHealth
from gateway.fanout.feed.intake import Intake
from gateway.fanout.feed.last_values import LastValuesReader
from gateway.fanout.feed.refusals import Refusals
from gateway.fanout.feed.stats import StatsFeed
from gateway.fanout.feed.subscription import subscribe
from gateway.fanout.feed.symbol_states.states_by_venue import StatesByVenue
from gateway.fanout.feed.venue_feed import HEARTBEAT_TIMEOUT_S, BusLink
from gateway.fanout.feed.venue_feeds import VenueFeeds
from gateway.fanout.history.ring import Ring
from gateway.log_events import BUS_LINK_DOWN, BUS_LINK_INCOMPLETE, BUS_LINK_UP, BUS_LINK_USELESS
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick
from gateway.protocol.messages import Status
from market.bus import Bus, BusDownError, BusSubscription
from market.prices.symbols import Symbols
from market.process.cadence import Cadence
from market.process.reasons import Reasons
from market.wire.status import BatchLayout

_PING_S: Final = 1.0
_LOOK_S: Final = 0.25
_FIRST_RETRY_S: Final = (0.0, 0.5)
"""Between the end of a link and the first try to replace it. Random, because there are many gateways."""
_RETRY_S: Final = (1.5, 3.0)
"""Between two further tries."""

logger = logging.getLogger(__name__)


class Feed:
    """The gateway's end of the bus."""

    def __init__(
        self,
        bus: Bus,
        symbols: Symbols,
        last: dict[str, FramedTick],
        states: StatesByVenue,
        publish: Callable[[FramedTick], None],
        broadcast: Callable[[Status], None],
        ring: Ring,
        counters: Counters,
        held: Container[str],
        *,
        now_us: Callable[[], int],
        cadence: Cadence,
        rng: random.Random,
    ) -> None:
        """``last`` (symbol → newest tick) is kept up to date. ``publish`` then gets each new tick that is ``held``.

        ``broadcast`` receives every change of `statuses`, after the ticks that came before it. ``now_us`` is the time
        in microseconds since the Unix epoch. ``ring`` keeps what came. ``cadence`` says when it looks whether
        something is wrong.
        """
        self._bus = bus
        self._symbols = symbols
        self._states = states
        self._counters = counters
        self._cadence = cadence
        self._rng = rng
        self.bus_link = BusLink()
        self._refuse = Refusals(counters)
        self._intake = Intake(symbols, last, publish, held, ring, self._refuse, counters, now_us=now_us)
        self.tick_received = self._intake.tick_received
        """See `Intake.tick_received`."""
        self._layouts: dict[str, BatchLayout | None] = {}
        """Of each venue, the batches that the newest subscription reads."""
        # Done when something else is to be received than by the current subscription.
        self._resubscribe: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.health = BusLinkHealth(
            bus.last_values, symbols, last, states.state_of, self._intake.highest_seq, counters, rng
        )
        self.stats_feed = StatsFeed(symbols, last, publish, held, self._refuse, counters, now_us)
        """What changes slowly: figures of 24 hours, and listings."""
        self.stats, self.instruments = self.stats_feed.stats, self.stats_feed.listing
        self._venues = VenueFeeds(
            symbols,
            states,
            bus.last_values,
            self.bus_link,
            problem=self.health.problem_of,
            refuse=self._refuse,
            broadcast=broadcast,
            announced=self.stats_feed.announced,
            now_us=now_us,
        )
        self._last_values = LastValuesReader(bus, self._venues.by_venue, self.health, self._intake, self.stats_feed)
        self.ready = False
        """Whether the last values have ever been read. Before that, a snapshot means nothing."""

    @property
    def statuses(self) -> tuple[Status, ...]:
        """The status of each venue that has symbols here, as sent to clients."""
        return self._venues.statuses

    @property
    def live(self) -> bool:
        """Whether prices of every venue are live."""
        return all(status.feed == "live" for status in self.statuses)

    def live_venues(self) -> dict[str, int]:
        """Of each venue, 1 while its prices are live, else 0."""
        return {status.venue: int(status.feed == "live") for status in self.statuses}

    def serve(self, symbols: Symbols) -> None:
        """Receive ``symbols`` and no others.

        The new subscription begins before the old one ends, so prices stay live.
        """
        before, now = frozenset(self._symbols), frozenset(symbols)
        self._symbols = symbols
        self._intake.serve(symbols)
        self.stats_feed.serve(symbols)
        self._states.serve(symbols)
        self.health.serve(symbols)
        self._venues.serve(symbols)
        if before != now:
            self._want_resubscribe()

    def _want_resubscribe(self) -> None:
        if not self._resubscribe.done():
            self._resubscribe.set_result(None)

    async def run(self) -> None:
        """Receive from the bus until cancelled."""
        loop = asyncio.get_running_loop()
        reasons, hurry_from = Reasons(), loop.time()
        while True:
            reason = await self._receive_over_one()
            if self.bus_link.renewing and self.bus_link.up_since is not None:
                logger.warning(BUS_LINK_USELESS, self._bus.name, reason)
                self.bus_link.up_since = None
                continue
            if reasons.is_new(reason, anew=self.bus_link.renewing or self.bus_link.up_since is not None):
                logger.warning(BUS_LINK_DOWN, self._bus.name, reason)
            pause_s = _RETRY_S
            # A bus that closes links as fast as they are made must not be tried at once again and again.
            if self.bus_link.up_since is not None and loop.time() >= hurry_from:
                pause_s = _FIRST_RETRY_S
                hurry_from = loop.time() + 2 * HEARTBEAT_TIMEOUT_S
            self.bus_link.up_since = None
            self.bus_link.renewing = self.bus_link.interrupted = self.bus_link.behind = False
            # The reason is not for clients: it may name internal hosts.
            self._look()
            await asyncio.sleep(self._rng.uniform(*pause_s))

    async def _receive_over_one(self) -> str:
        """Receive over one link, and return why it ended."""
        subscription: BusSubscription | None = None
        try:
            subscription = await self._subscribe()
            self._subscribed()
            await self._last_values.read(self._symbols)
            self.bus_link.renewing = self.bus_link.behind = False
            self.bus_link.up_since = now = asyncio.get_running_loop().time()
            self.health.bus_link_up(now)
            self._venues.bus_link_up(now)
            self._counters.bus_links += 1
            self.ready = True
            logger.info(BUS_LINK_UP, self._bus.name)
            while (reason := await self._watch(subscription)) is None:
                if subscription.missed.is_set():
                    await self._last_values.catch_up(self._symbols, subscription, self.bus_link, self._look)
                    if not subscription.missed.is_set():
                        self._venues.caught_up()
                    continue
                try:
                    old, subscription = subscription, await self._subscribe()
                except BusDownError as error:
                    # The old subscription still delivers what it did.
                    logger.warning(BUS_LINK_INCOMPLETE, self._bus.name, error)
                    asyncio.get_running_loop().call_later(_PING_S, self._want_resubscribe)
                else:
                    old.close()
                    self._subscribed()
                    self.bus_link.behind = True
                    subscription.missed.set()
        except BusDownError as error:
            return str(error)
        else:
            return reason
        finally:
            self.health.bus_link_down()
            self._venues.bus_link_down()
            self._intake.bus_link_down()
            if subscription is not None:
                subscription.close()

    async def _subscribe(self) -> BusSubscription:
        if not self.ready and (partitions := await self._bus.broker.history_partitions()):
            # A history is of use only before the last values are read, and no heartbeat has announced anything yet.
            self._venues.assume(partitions)
        self._resubscribe = asyncio.get_running_loop().create_future()
        self._layouts = self._venues.announced()
        self._intake.continuity.subscribed(self._layouts)
        return await subscribe(
            self._bus.broker,
            self._symbols,
            self._layouts,
            self.tick_received,
            self._intake.batch_received,
            self._intake.continuity,
            self,
            self.stats_feed,
        )

    def _subscribed(self) -> None:
        """The subscription that was made last is the only one."""
        self._intake.continuity.subscribed(self._layouts)
        self._venues.subscribed(self._layouts)

    async def _watch(self, subscription: BusSubscription) -> str | None:
        """Watch ``subscription``. Return why it has ended, or None if something else is wanted, or was missed."""
        loop = asyncio.get_running_loop()
        ping_at = loop.time()
        while not subscription.lost.done():
            if subscription.missed.is_set():
                return None
            self.bus_link.interrupted = subscription.interrupted
            now = loop.time()
            if now >= ping_at:
                subscription.ping()
                ping_at = now + _PING_S
            self._venues.read_states(now)
            reason = self.health.judge(now, self._venues.heartbeat_at, alive=self._venues.is_any_alive(now))
            self._states.unreadable(self.health.unreadable)
            self._look()
            if reason:
                self.bus_link.renewing = True
                return reason
            await asyncio.wait(
                (subscription.lost, self._resubscribe),
                timeout=self._cadence.wait_s(_LOOK_S),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if self._resubscribe.done() and not subscription.lost.done():
                return None
            if loop.time() - subscription.received_at >= HEARTBEAT_TIMEOUT_S:
                return f"nothing received for {HEARTBEAT_TIMEOUT_S:g} s"
        return subscription.lost.result()

    def announcement_received(self, venue: str, payload: bytes) -> None:
        """Take a message of the plain heartbeat topic of ``venue``."""
        if (its := self._venues.by_venue.get(venue)) is not None:
            self._intake.accept_regressions(asyncio.get_running_loop().time())
            its.announcement_received(payload)
            if its.announced != its.layout:
                self._want_resubscribe()

    def heartbeat_received(self, venue: str, layout: BatchLayout, partition: int, payload: bytes) -> None:
        """Take a heartbeat of one partition of the batches of ``venue``."""
        if (its := self._venues.by_venue.get(venue)) is not None:
            self._intake.accept_regressions(asyncio.get_running_loop().time())
            its.heartbeat_received(partition, layout, payload)

    def _look(self) -> None:
        """Report what has changed to the clients, venue by venue."""
        self._intake.accept_regressions(asyncio.get_running_loop().time())
        self._venues.look()
