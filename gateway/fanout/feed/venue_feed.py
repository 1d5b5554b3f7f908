"""One venue's feed: are its prices live, by its poller's heartbeats?

Prices may be old if no heartbeat comes for `HEARTBEAT_TIMEOUT_S`, or if a heartbeat says that the poller does not
receive the exchange. Each venue has its own poller, so a silent one makes no other venue's prices stale.

A poller that publishes batches sends each heartbeat in every partition, behind the ticks there. Its prices are live
only while heartbeats come from all partitions.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from msgspec import Struct

from gateway.fanout.feed.symbol_states.states import SymbolStates
from gateway.fanout.feed.symbol_states.states_reader import StatesReader
from gateway.log_events import FEED_CHANGED, VENUE_NOT_SERVED, VENUE_PARTITIONS
from gateway.protocol.messages import Status
from market.bus import LastValues
from market.wire.codec import CodecError, decode_heartbeat
from market.wire.status import BatchLayout, Heartbeat
from market.wire.tick_batch import VERSION

HEARTBEAT_TIMEOUT_S: Final = 3.0
"""Three heartbeats, or three pings, missing."""

NO_BUS_LINK: Final = "no link to the bus"
INTERRUPTED: Final = "a part of the bus does not answer"
NOT_SERVED: Final = "this gateway does not serve it any more"

logger = logging.getLogger(__name__)


class BusLink(Struct):
    """The link to the bus, as every venue's feed needs it. Times are the event loop's."""

    up_since: float | None = None
    """When the link came up and the last values were read; None while there is no such link."""
    renewing: bool = False
    """Whether a live link was closed on purpose, and its replacement is not up yet."""
    interrupted: bool = False
    """Whether a link that is up brings nothing of some partition, or the last values were not read since it did not."""
    behind: bool = False
    """Whether a link that is up brings something else than before, and the last values were not read since."""


class VenueFeed:
    """The state of one venue's feed, and the `Status` that clients have."""

    def __init__(
        self,
        venue: str,
        states: SymbolStates,
        store: LastValues,
        bus_link: BusLink,
        *,
        problem: Callable[[str], str],
        refuse: Callable[[str, str], None],
        broadcast: Callable[[Status], None],
        announced: Callable[[str, Collection[str]], None],
        now_us: Callable[[], int],
    ) -> None:
        """Follow ``venue``, and give ``broadcast`` every change of `status`.

        ``announced`` gets the venue and the other channels that each plain heartbeat announces.

        ``problem`` returns the fault of a venue's ticks over a link that is up. ``refuse`` receives the kind of an
        unreadable payload, and why.
        """
        self._venue = venue
        self._states = states
        self._bus_link = bus_link
        self._problem = problem
        self._refuse = refuse
        self._broadcast = broadcast
        self._announced = announced
        self._now_us = now_us
        self._heartbeat: Heartbeat | None = None
        self._heartbeat_us = 0
        self.announced: BatchLayout | None = None
        """The batches that the poller publishes; None if it publishes none, or such that we do not read."""
        self.layout: BatchLayout | None = None
        """The batches that we read; None: we read the channel of each symbol."""
        self._received_at = [0.0]
        """When the newest heartbeat of each partition came, in the event loop's time."""
        self._received_us: list[int | None] = [None]
        """The times at which those were sent."""
        self._announcement: tuple[Heartbeat, float] | None = None
        """The newest plain heartbeat that announced batches which are not read yet, and when it came."""
        self._taken_us: int | None = None
        """When the newest heartbeat that came from all partitions was sent."""
        self._began_at = asyncio.get_running_loop().time()
        self.states_reader = StatesReader(store, states, refuse, self.look, venue)
        self._outdated_at = 0.0
        self.status = Status(feed="stale", reason=NO_BUS_LINK, source="", since_us=now_us(), venue=venue)
        """What clients have."""

    def bus_link_up(self, now: float) -> None:
        """A link is up, and the last values have been read."""
        self._outdated_at = now

    @property
    def heartbeat_at(self) -> float:
        """When the newest heartbeat came, in the event loop's time; of the partition where that is longest ago."""
        return min(self._received_at)

    def assume(self, partitions: int) -> None:
        """Read batches in so many partitions until a heartbeat says what there is."""
        self.announced = self.announced or BatchLayout(version=VERSION, partitions=partitions)

    def subscribed(self, layout: BatchLayout | None) -> None:
        """The link brings the batches of ``layout`` from now on; None: the channel of each symbol."""
        if layout == self.layout:
            return
        self.layout = layout
        how = "one by one" if layout is None else f"in batches, in partitions: {layout.partitions}"
        logger.info(VENUE_PARTITIONS, self._venue, how)
        # Each partition has the usual time for its first one.
        partitions = 1 if layout is None else layout.partitions
        self._received_at = [self.heartbeat_at] * partitions
        self._received_us = [None] * partitions

    def announcement_received(self, payload: bytes) -> None:
        """Take a message of the plain heartbeat topic: it says which batches there are."""
        heartbeat = self._read(payload)
        if heartbeat is None:
            return
        self._announced(self._venue, heartbeat.channels or ())
        batches = heartbeat.batches
        self.announced = batches if batches and batches.version == VERSION else None
        if self.layout is not None:
            return
        if self.announced is None or self.status.feed == "live":
            self._take(heartbeat, 0)
        else:
            # Live once the batches are read: perhaps the ticks are in those only.
            self._announcement = heartbeat, asyncio.get_running_loop().time()

    def caught_up(self) -> None:
        """The last values have been read after `subscribed`: the heartbeat that announced the batches counts now."""
        announcement, self._announcement = self._announcement, None
        now = asyncio.get_running_loop().time()
        if announcement is not None and self.layout is not None and now - announcement[1] < HEARTBEAT_TIMEOUT_S:
            self._received_at = [now] * len(self._received_at)
            self._adopt(announcement[0])

    def heartbeat_received(self, partition: int, layout: BatchLayout, payload: bytes) -> None:
        """Take the heartbeat of one partition, of a subscription to the batches of ``layout``."""
        if layout == self.layout and (heartbeat := self._read(payload)) is not None:
            self._take(heartbeat, partition)

    def _read(self, payload: bytes) -> Heartbeat | None:
        try:
            heartbeat = decode_heartbeat(payload)
        except CodecError as error:
            self._refuse("not_a_beat", str(error))
            return None
        if heartbeat.venue != self._venue:
            self._refuse("not_a_beat", f"of {heartbeat.venue!r}, where those of {self._venue!r} come")
            return None
        return heartbeat

    def _take(self, heartbeat: Heartbeat, partition: int) -> None:
        self._received_at[partition] = asyncio.get_running_loop().time()
        self._received_us[partition] = sent_us = heartbeat.sent_us
        if len(self._received_us) > 1:
            # Once it has come from all: it changes states of symbols, whose ticks go before.
            if sent_us == self._taken_us or any(its is None or its < sent_us for its in self._received_us):
                return
            self._taken_us = sent_us
        self._adopt(heartbeat)

    def _adopt(self, heartbeat: Heartbeat) -> None:
        now = asyncio.get_running_loop().time()
        self._heartbeat = heartbeat
        self._heartbeat_us = self._now_us()
        outdated = self._states.outdated
        if heartbeat.states or heartbeat.link == "up":
            # A poller that has just started knows no states yet. The published ones stay until it does.
            self._states.heartbeat_received(heartbeat.states)
        if self._states.outdated and not outdated:
            self._outdated_at = now
        if self._bus_link.up_since is not None:
            self.states_reader.read_if_due(now)
        self.look()

    def end(self) -> None:
        """No symbol of it is served any more: broadcast that as its last status, and look no more."""
        self.states_reader.cancel()
        self.status = self._stale(NOT_SERVED, self._now_us())
        self.status.served = False
        logger.info(VENUE_NOT_SERVED, self._venue)
        self._broadcast(self.status)

    def is_alive(self, now: float) -> bool:
        """Whether heartbeats come over this link."""
        up_since = self._bus_link.up_since
        return up_since is not None and self.heartbeat_at >= up_since and now - self.heartbeat_at < HEARTBEAT_TIMEOUT_S

    def look(self) -> None:
        """Compute the status, and broadcast it if it has changed."""
        status = self._now()
        before = self.status
        if status is None or (status.feed, status.reason, status.source) == (before.feed, before.reason, before.source):
            return
        if status.feed == before.feed == "live":
            status.since_us = before.since_us
        self.status = status
        logger.info(FEED_CHANGED, self._venue, status.feed, status.source or "no source", status.reason)
        self._broadcast(status)

    def _now(self) -> Status | None:
        """The status now; None if what clients have stays, whatever has changed."""
        now, bus_link, heartbeat = asyncio.get_running_loop().time(), self._bus_link, self._heartbeat
        if bus_link.up_since is None:
            # Closed on purpose: clients already know what is wrong.
            return None if bus_link.renewing else self._stale(NO_BUS_LINK, self._now_us())
        if bus_link.interrupted:
            return self._stale(INTERRUPTED, self._now_us())
        if heartbeat is None or not self.is_alive(now):
            if now - max(bus_link.up_since, self.heartbeat_at, self._began_at) < HEARTBEAT_TIMEOUT_S:
                # The link is new, perhaps because of another venue. The next heartbeat decides.
                return None
            return self._stale(self._silence(now), self._heartbeat_us or self._now_us())
        if heartbeat.link == "down":
            return self._stale(heartbeat.reason or "the exchange is silent", heartbeat.since_us)
        if problem := self._problem(self._venue):
            return self._stale(problem, self._now_us())
        if self.status.feed == "stale" and bus_link.behind:
            # Ticks of the time between may be in the last values only.
            return None
        if self.status.feed == "stale" and self._states.outdated and now - self._outdated_at < HEARTBEAT_TIMEOUT_S:
            # Changes of single symbols go out first.
            return None
        return Status(
            feed="live", reason=heartbeat.reason, source=heartbeat.source, since_us=self._now_us(), venue=self._venue
        )

    def _silence(self, now: float) -> str:
        """Who does not send heartbeats, in words."""
        silent = [number for number, at in enumerate(self._received_at) if now - at >= HEARTBEAT_TIMEOUT_S]
        if 0 < len(silent) < len(self._received_at):
            return f"partition {silent[0]} of the bus is silent"
        return "the poller is silent"

    def _stale(self, reason: str, since_us: int) -> Status:
        source = self._heartbeat.source if self._heartbeat else ""
        return Status(feed="stale", reason=reason, source=source, since_us=since_us, venue=self._venue)
