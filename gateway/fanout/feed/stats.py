"""Figures of 24 hours and listings from the bus: the newest bytes of each symbol, decoded for those who want them.

What nobody holds costs a lookup and a copy of its bytes. Anybody who can write to the bus may have written it.
"""

from collections.abc import Callable, Collection, Container, Iterable, Mapping

from gateway.fanout.feed.refusals import Refusals
from gateway.metrics.counters import Counters
from gateway.protocol.channels import STATS, channel_of, symbol_of, topic_of
from gateway.protocol.forms import FramedTick
from market.prices.stats import Stats, is_late, nothing_known
from market.prices.symbols import Symbols
from market.prices.tick import MAX_EXACT
from market.prices.venues import venue_of
from market.wire.codec import CodecError
from market.wire.listings import Listing, decode_listing
from market.wire.stats import decode_stats, split_stats_batch


class StatsFeed:
    """The newest figures of each symbol, and the newest listing of each venue."""

    def __init__(
        self,
        symbols: Symbols,
        last: dict[str, FramedTick],
        publish: Callable[[FramedTick], None],
        held: Container[str],
        refuse: Refusals,
        counters: Counters,
        now_us: Callable[[], int],
    ) -> None:
        """``last`` gets the newest update of each topic that is ``held``. Each then goes to ``publish``.

        ``now_us`` is the time in microseconds since the Unix epoch.
        """
        self._last = last
        self._publish = publish
        self._held = held
        self._refuse = refuse
        self._counters = counters
        self._now_us = now_us
        self._payloads: dict[str, bytes] = {}
        self._topics = _topics(symbols)
        self._without: set[str] = set()
        """Venues whose poller announces no figures: those in the store are another's."""
        self._listings: dict[str, bytes] = {}
        self._decoded_listings: dict[str, tuple[bytes, Listing | None]] = {}

    def serve(self, symbols: Symbols) -> None:
        """Keep the figures of these symbols and of no others from now on."""
        before, self._topics = self._topics, _topics(symbols)
        for venue, topics in before.items():
            for symbol in topics.keys() - self._topics.get(venue, {}).keys():
                self._payloads.pop(symbol, None)
                self._last.pop(topics[symbol], None)
            if venue not in self._topics:
                self._listings.pop(venue, None)

    def batch_received(self, venue: str, payload: bytes) -> None:
        """Take a batch of ``venue``. It may have symbols that are not served here."""
        try:
            parts = split_stats_batch(payload)
        except CodecError as error:
            self._refuse("not_stats", str(error))
            return
        topics, payloads, last, held = self._topics.get(venue, {}), self._payloads, self._last, self._held
        for symbol, raw in parts.items():
            topic = topics.get(symbol)
            if topic is None:
                continue
            if topic in held:
                stats = self._read(symbol, bytes(raw))
                # A poller that takes over has heard of some figures before the other one did.
                if stats is None or ((known := self._newest(topic)) is not None and is_late(stats, known)):
                    continue
                self._pass_on(topic, stats)
            elif topic in last:
                # Nobody holds it any more. It is made again when it is wanted.
                del last[topic]
            payloads[symbol] = bytes(raw)
            self._counters.stats_received += 1

    def announced(self, venue: str, channels: Collection[str]) -> None:
        """The poller of ``venue`` publishes these ``channels`` too. One without figures leaves none of another's."""
        if STATS in channels:
            self._without.discard(venue)
            return
        if venue in self._without:
            return
        self._without.add(venue)
        for symbol, topic in self._topics.get(venue, {}).items():
            if self._payloads.pop(symbol, None) is not None:
                if topic in self._held:
                    self._pass_on(topic, nothing_known(symbol, self._now_us()))
                else:
                    self._last.pop(topic, None)

    def take_stored(self, values: Mapping[str, bytes]) -> None:
        """Take the last values of the store, as far as they are newer than what the link has delivered."""
        for symbol, payload in values.items():
            venue = venue_of(symbol)
            topic = self._topics.get(venue, {}).get(symbol)
            if topic is None or venue in self._without or self._payloads.get(symbol) == payload:
                continue
            stored, held = self._read(symbol, payload), self.stats(symbol)
            if stored is None or (held is not None and held.ts_us >= stored.ts_us):
                continue
            self._payloads[symbol] = payload
            if topic in self._held:
                self._pass_on(topic, stored)
            else:
                self._last.pop(topic, None)

    def _newest(self, topic: str) -> Stats | None:
        framed = self._last.get(topic)
        return framed.tick if framed is not None and isinstance(framed.tick, Stats) else None

    def _pass_on(self, topic: str, stats: Stats) -> None:
        self._last[topic] = framed = _framed(topic, stats)
        self._publish(framed)

    def stats(self, symbol: str) -> Stats | None:
        """The newest figures of ``symbol``; None if none are known."""
        payload = self._payloads.get(symbol)
        return None if payload is None else self._read(symbol, payload)

    def find(self, topic: str) -> FramedTick | None:
        """The newest update of ``topic``, which was not wanted so far; None if it is of another channel, or unknown."""
        if channel_of(topic) != STATS:
            return None
        stats = self.stats(symbol_of(topic))
        return None if stats is None else _framed(topic, stats)

    def listing_received(self, venue: str, payload: bytes) -> None:
        """Take the listing of ``venue``."""
        self._listings[venue] = payload

    def listing(self, venue: str) -> Listing | None:
        """The listing of ``venue``; None if none is known. It is decoded once."""
        payload = self._listings.get(venue)
        if payload is None:
            return None
        known = self._decoded_listings.get(venue)
        if known is None or known[0] is not payload:
            try:
                found = decode_listing(payload)
            except CodecError as error:
                self._refuse("not_a_listing", f"of {venue}: {error}")
                found = None
            self._decoded_listings[venue] = known = payload, found
        return known[1]

    def _read(self, symbol: str, payload: bytes) -> Stats | None:
        try:
            stats = decode_stats(payload)
        except CodecError as error:
            self._refuse("not_stats", f"of {symbol}: {error}")
            return None
        if stats.symbol != symbol:
            self._refuse("not_stats", f"of {stats.symbol}, which came as those of {symbol}")
            return None
        return stats


def _framed(topic: str, stats: Stats) -> FramedTick:
    # No tick's number is higher, so none that names such a topic as its symbol passes for newer.
    return FramedTick(topic, MAX_EXACT, stats)


def _topics(symbols: Iterable[str]) -> dict[str, dict[str, str]]:
    """Venue → symbol → topic."""
    topics: dict[str, dict[str, str]] = {}
    for symbol in symbols:
        topics.setdefault(venue_of(symbol), {})[symbol] = topic_of(STATS, symbol)
    return topics
