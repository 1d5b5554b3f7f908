"""Where something may be missing between two messages from the bus: there the ring is cut.

Batches of a term are numbered in each partition, so a missing one shows. A new term begins with 0. What came last of
the term before is not known, but a link that was not lost has brought it. Where a venue is read by the channels of its
symbols, nothing is numbered: each new subscription may miss something.
"""

from collections.abc import Mapping

from msgspec import Struct

from gateway.fanout.history.ring import Ring
from market.bus import partition_of
from market.prices.symbols import Symbols
from market.prices.venues import venue_of
from market.wire.status import BatchLayout
from market.wire.topics import tick_topic


class Stream(Struct):
    """The batches of one venue in one partition."""

    venue: str
    partition: int
    partitions: int
    """How many there are."""
    term: str = ""
    next: int = 0
    """The number of the next batch of that term."""
    doubtful: bool = True
    """Whether the subscription is another one since the newest batch."""


class Continuity:
    """Follows the numbers of all streams, and cuts the ring where one is missing."""

    def __init__(self, ring: Ring, symbols: Symbols) -> None:
        self._ring = ring
        self._symbols = symbols
        self._streams: dict[tuple[str, int, int], Stream] = {}
        self._layouts: dict[str, BatchLayout | None] = {}
        self._topics: dict[tuple[str, int], list[frozenset[str]]] = {}
        """By venue and number of partitions: the symbols of each partition. They are looked up when first wanted."""

    def serve(self, symbols: Symbols) -> None:
        """Follow these symbols and no others from now on."""
        self._symbols = symbols
        self._topics.clear()

    def stream(self, venue: str, partition: int, partitions: int) -> Stream:
        """The stream of ``venue`` in ``partition`` of so many."""
        key = venue, partition, partitions
        if key not in self._streams:
            self._streams[key] = Stream(*key)
        return self._streams[key]

    def subscribed(self, layouts: Mapping[str, BatchLayout | None]) -> None:
        """A subscription begins, or has replaced the one before. ``layouts`` are the batches read of each venue."""
        self._layouts = dict(layouts)
        wanted = {(venue, its.partitions) for venue, its in layouts.items() if its is not None}
        self._streams = {key: stream for key, stream in self._streams.items() if (key[0], key[2]) in wanted}
        for stream in self._streams.values():
            stream.doubtful = True
        for venue, layout in layouts.items():
            if layout is None:
                self._ring.cut(self._symbols_of(venue, 1)[0], head_holds=False)

    def interrupted(self) -> None:
        """The subscription goes on, and may miss something in some partition until the next message of that."""
        self.subscribed(self._layouts)

    def received(self, stream: Stream, term: str, number: int) -> None:
        """A batch has come, whose ticks are not published yet."""
        if term == stream.term:
            if number < stream.next:
                # Two subscriptions overlap.
                return
            if number > stream.next:
                self._cut(stream)
        elif number or stream.doubtful:
            self._cut(stream)
        stream.term, stream.next, stream.doubtful = term, number + 1, False

    def _cut(self, stream: Stream) -> None:
        self._ring.cut(self._symbols_of(stream.venue, stream.partitions)[stream.partition], head_holds=False)

    def _symbols_of(self, venue: str, partitions: int) -> list[frozenset[str]]:
        parts = self._topics.get((venue, partitions))
        if parts is None:
            symbols: list[list[str]] = [[] for _ in range(partitions)]
            for symbol in self._symbols:
                if venue_of(symbol) == venue:
                    symbols[partition_of(tick_topic(symbol), partitions)].append(symbol)
            parts = self._topics[venue, partitions] = list(map(frozenset, symbols))
        return parts
