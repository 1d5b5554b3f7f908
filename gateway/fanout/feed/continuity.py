"""Where something may be missing between two messages from the bus: there the ring is cut.

Batches of a term are numbered in each partition, so a missing one shows. A new term begins with 0. What came last of
the term before is not known, but a link that was not lost has brought it. Where a venue is read by the channels of its
symbols, nothing is numbered: each new subscription may miss something.
"""

from collections.abc import Mapping
from functools import partial

from gateway.fanout.history.ring import Ring
from market.bus import partition_of
from market.prices.venues import venue_of
from market.wire.status import BatchLayout
from market.wire.topics import tick_topic


class Stream:
    """The batches of one venue in one partition."""

    __slots__ = ("covers", "doubtful", "next", "term")

    def __init__(self, venue: str, partition: int, partitions: int) -> None:
        self.covers = partial(_is_of, venue, partition, partitions)
        """Whether a symbol's ticks are in these batches."""
        self.term = ""
        self.next = 0
        """The number of the next batch of that term."""
        self.doubtful = True
        """Whether the subscription is another one since the newest batch."""


class Continuity:
    """Follows the numbers of all streams, and cuts the ring where one is missing."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._streams: dict[tuple[str, int, int], Stream] = {}

    def stream(self, venue: str, partition: int, partitions: int) -> Stream:
        """The stream of ``venue`` in ``partition`` of so many."""
        key = venue, partition, partitions
        if key not in self._streams:
            self._streams[key] = Stream(*key)
        return self._streams[key]

    def subscribed(self, layouts: Mapping[str, BatchLayout | None]) -> None:
        """A subscription begins, or has replaced the one before. ``layouts`` are the batches read of each venue."""
        wanted = {(venue, its.partitions) for venue, its in layouts.items() if its is not None}
        self._streams = {key: stream for key, stream in self._streams.items() if (key[0], key[2]) in wanted}
        for stream in self._streams.values():
            stream.doubtful = True
        if channels := frozenset(venue for venue, its in layouts.items() if its is None):
            self._ring.cut(lambda symbol: venue_of(symbol) in channels, head_holds=False)

    def received(self, stream: Stream, term: str, number: int) -> None:
        """A batch has come, whose ticks are not published yet."""
        if term == stream.term:
            if number < stream.next:
                # Two subscriptions overlap.
                return
            if number > stream.next:
                self._ring.cut(stream.covers, head_holds=False)
        elif number or stream.doubtful:
            self._ring.cut(stream.covers, head_holds=False)
        stream.term, stream.next, stream.doubtful = term, number + 1, False


def _is_of(venue: str, partition: int, partitions: int, symbol: str) -> bool:
    return venue_of(symbol) == venue and partition_of(tick_topic(symbol), partitions) == partition
