"""What a link to the bus subscribes to, and who takes each message.

A venue whose poller publishes batches is read by batches: a few messages have all its ticks. Any other venue is read by
the channels of its symbols. In both cases the plain heartbeat is read too, as it says which of the two it is.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from gateway.fanout.feed.continuity import Continuity, Stream
from gateway.fanout.feed.stats import StatsFeed
from market.bus import Broker, BusSubscription, Message, in_partition
from market.prices.symbols import Symbols
from market.prices.venues import venue_of
from market.wire.status import BatchLayout
from market.wire.topics import batch_topic, heartbeat_topic, listing_change_topic, stats_batch_topic, tick_topic


class HeartbeatTaker(Protocol):
    """Takes heartbeats."""

    def announcement_received(self, venue: str, payload: bytes) -> None:
        """A message of the plain heartbeat topic of ``venue`` has come."""

    def heartbeat_received(self, venue: str, layout: BatchLayout, partition: int, payload: bytes) -> None:
        """A heartbeat of one partition of ``venue`` has come, whose batches are read as ``layout`` says."""


async def subscribe(
    broker: Broker,
    symbols: Symbols,
    layouts: Mapping[str, BatchLayout | None],
    tick_received: Callable[[str, bytes], None],
    batch_received: Callable[[Stream, bytes], None],
    continuity: Continuity,
    heartbeats: HeartbeatTaker,
    stats: StatsFeed,
) -> BusSubscription:
    """Subscribe to ``symbols``, and to the heartbeats of the venues that ``layouts`` names.

    Each batch of ticks goes to ``batch_received`` with its stream of ``continuity``. Figures of 24 hours, in batches,
    and listings go to ``stats``.

    Raises:
        BusDownError: the bus did not answer.
    """
    takers: dict[str, Callable[[bytes], None]] = {}
    for venue, layout in layouts.items():
        topic = heartbeat_topic(venue)
        takers[topic] = partial(heartbeats.announcement_received, venue)
        if layout is None:
            continue
        for number in range(layout.partitions):
            takers[in_partition(topic, number)] = partial(heartbeats.heartbeat_received, venue, layout, number)
            takers[in_partition(batch_topic(venue), number)] = partial(
                batch_received, continuity.stream(venue, number, layout.partitions)
            )
            takers[in_partition(stats_batch_topic(venue), number)] = partial(stats.batch_received, venue)
        takers[in_partition(listing_change_topic(venue), 0)] = partial(stats.listing_received, venue)
    symbol_of = {tick_topic(symbol): symbol for symbol in symbols if layouts.get(venue_of(symbol)) is None}
    taker_of = takers.get

    def receive(messages: Sequence[Message]) -> None:
        for topic, payload in messages:
            taker = taker_of(topic)
            if taker is None:
                tick_received(symbol_of[topic], payload)
            else:
                taker(payload)

    subscription = await broker.subscribe([*takers, *symbol_of], receive)
    subscription.on_interrupt = continuity.interrupted
    return subscription
