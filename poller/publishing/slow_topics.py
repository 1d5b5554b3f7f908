"""What changes once a second at most: the figures of 24 hours, and the listing. No I/O.

It is published beside the ticks, in batches of its own: a bus on which our user may not write these topics refuses them
alone. Of the figures of a symbol only the newest wait.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import UNSET

from market.bus import Batch, BusDownError, Message, in_partition, partition_of
from market.prices.instruments import Instrument
from market.prices.listed import Listed, listed
from market.prices.stats import Stats, is_late, nothing_known, readable
from market.prices.venues import DEFAULT_VENUE
from market.wire.listings import Listing, encode_listing
from market.wire.stats import MOST_IN_BATCH, encode_stats, encode_stats_batch
from market.wire.topics import listing_change_topic, listing_topic, stats_batch_topic, stats_topic
from poller.log_events import SLOW_TOPICS_BACK, SLOW_TOPICS_DOWN

SYMBOL_S: Final = 1.0
"""Between two publishes of one symbol's figures."""
GAP_S: Final = 0.25
"""Between two publishes, so that the figures of many symbols go together."""
REFUSED_S: Final = 1.0, 60.0
"""From the first refusal of the bus to the next attempt; and the longest, as it is doubled each time."""
NEVER: Final = float("inf")

logger = logging.getLogger(__name__)


class SlowTopics:
    """The figures and the listing of one venue's symbols, and what of them is still to be sent."""

    def __init__(
        self, partitions: int, *, clock: Callable[[], float], symbol_channels: bool, venue: str = DEFAULT_VENUE
    ) -> None:
        """Spread the symbols over ``partitions``; ``clock`` is the event loop's.

        With ``symbol_channels`` figures are also sent on their symbol's own topic.
        """
        self.due_at = NEVER
        """When to publish, by the clock."""
        self.drops = {"malformed": 0, "out_of_order": 0}
        """Figures that were not published, and single ones that were left out, by the reason."""
        self.published = 0
        """Figures of symbols that the bus took."""
        self._partitions = partitions
        self._clock = clock
        self._symbol_channels = symbol_channels
        self._venue = venue
        self._newest: dict[str, Stats] = {}
        self._waiting: dict[str, None] = {}
        """Symbols whose newest figures are still to be sent."""
        self._sent: dict[str, tuple[float, bytes]] = {}
        """Symbol → when its figures were sent, and what they were but for the times."""
        self._taken: list[tuple[str, bytes]] = []
        self._listed: dict[str, Listed] = {}
        self._listing_waits = self._listing_taken = False
        self._not_before = 0.0
        self._refused_s = 0.0
        """The last pause after a refusal; 0 if the last publish was taken."""

    def put(self, stats: Stats) -> None:
        """Take figures of a symbol, in place of those that wait. Returns at once."""
        held = self._newest.get(stats.symbol)
        if held is not None and is_late(stats, held):
            self.drops["out_of_order"] += 1
            return
        self._newest[stats.symbol] = stats
        self._waiting[stats.symbol] = None
        if self.due_at == NEVER:
            self.due_at = self._not_before

    def listed(self, symbol: str, instrument: Instrument) -> None:
        """The listing of ``symbol`` is new, or has changed."""
        entry = listed(symbol, instrument)
        if self._listed.get(symbol) != entry:
            self._listed[symbol] = entry
            self._listing_waits = True
            self.due_at = min(self.due_at, self._not_before)

    def forget(self, symbol: str) -> None:
        """``symbol`` is not served any more."""
        self._newest.pop(symbol, None)
        self._waiting.pop(symbol, None)
        self._sent.pop(symbol, None)
        if self._listed.pop(symbol, None) is not None:
            self._listing_waits = True
            self.due_at = min(self.due_at, self._not_before)

    def clear(self, symbol: str, now_us: int) -> None:
        """Publish that no figure of ``symbol`` is known: another source takes over."""
        if symbol in self._newest:
            del self._newest[symbol]
            self.put(nothing_known(symbol, now_us))

    def begin(self) -> None:
        """Send everything again: what the bus holds is not known."""
        self._sent.clear()
        self._waiting = dict.fromkeys(self._newest)
        self._listing_waits = bool(self._listed)
        self._not_before = self._clock()
        self.due_at = self._not_before if self._waiting or self._listing_waits else NEVER

    def take(self) -> Batch:
        """What is due; then call `confirm` or `refuse`. It may be empty."""
        now = self._clock()
        self._taken = []
        for symbol in tuple(self._waiting):
            sent_at, before = self._sent.get(symbol, (-SYMBOL_S, b""))
            if now - sent_at < SYMBOL_S:
                continue
            del self._waiting[symbol]
            stats, wrong = readable(self._newest[symbol])
            self.drops["malformed"] += len(wrong)
            numbers = encode_stats(msgspec.structs.replace(stats, ts_us=0, open_us=UNSET, close_us=UNSET))
            if numbers != before:
                self._taken.append((symbol, encode_stats(stats)))
                self._sent[symbol] = now, numbers
        messages = [(stats_topic(symbol), payload) for symbol, payload in self._taken]
        events = list(self._batches())
        values = [] if self._symbol_channels else messages
        self._listing_taken, self._listing_waits = self._listing_waits, False
        if self._listing_taken:
            payload = encode_listing(Listing(venue=self._venue, symbols=list(self._listed.values())))
            values = [*values, (listing_topic(self._venue), payload)]
            events.append((in_partition(listing_change_topic(self._venue), 0), payload))
        self._not_before = now + GAP_S
        self.due_at = self._not_before if self._waiting else NEVER
        return Batch(updates=messages if self._symbol_channels else (), values=values, events=events)

    def _batches(self) -> Iterable[Message]:
        parts: list[list[tuple[str, bytes]]] = [[] for _ in range(self._partitions)]
        for symbol, payload in self._taken:
            # Where its last value is.
            parts[partition_of(stats_topic(symbol), self._partitions)].append((symbol, payload))
        for partition, part in enumerate(parts):
            topic = in_partition(stats_batch_topic(self._venue), partition)
            for start in range(0, len(part), MOST_IN_BATCH):
                yield topic, encode_stats_batch(part[start : start + MOST_IN_BATCH])

    def confirm(self) -> None:
        """The bus took what was taken last."""
        self.published += len(self._taken)
        self._taken = []
        if self._refused_s:
            self._refused_s = 0.0
            logger.info(SLOW_TOPICS_BACK)

    def refuse(self, error: BusDownError) -> None:
        """The bus did not take it, while it may take ticks: perhaps our user has no rights to these topics."""
        for symbol, _ in self._taken:
            # It may have been removed meanwhile.
            if symbol in self._newest:
                self._waiting[symbol] = None
                self._sent.pop(symbol, None)
        self._taken = []
        self._listing_waits = self._listing_waits or self._listing_taken
        if not self._refused_s:
            logger.warning(SLOW_TOPICS_DOWN, error)
        first, longest = REFUSED_S
        self._refused_s = min(2 * self._refused_s or first, longest)
        self.due_at = self._not_before = self._clock() + self._refused_s
