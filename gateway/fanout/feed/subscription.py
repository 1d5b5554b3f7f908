"""What a link to the bus subscribes to, and who takes each message.

A venue whose poller publishes batches is read by batches: a few messages have all its ticks. Any other venue is read by
the channels of its symbols. In both cases the plain heartbeat is read too, as it says which of the two it is.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from gateway.fanout.feed.continuity import Continuity, Stream
from market.bus import Broker, BusSubscription, Message, in_partition
from market.prices.symbols import Symbols
from market.prices.venues import venue_of
from market.process.pacing import Pacing
from market.wire.status import BatchLayout
from market.wire.topics import batch_topic, heartbeat_topic, tick_topic

BUSY_S: Final = 0.003
"""Between two reads of a busy link. A read costs the same for one message and for ten."""
BUSY_AFTER: Final = 50
"""A link is busy once it was read so often more than that."""


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
    *,
    rests: bool,
) -> BusSubscription:
    """Subscribe to ``symbols``, and to the heartbeats of the venues that ``layouts`` names.

    Each batch goes to ``batch_received`` with its stream of ``continuity``. A busy link ``rests`` between two reads.

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
    symbol_of = {tick_topic(symbol): symbol for symbol in symbols if layouts.get(venue_of(symbol)) is None}
    taker_of = takers.get

    pacing = Pacing(BUSY_S, BUSY_AFTER) if rests else None
    now = asyncio.get_running_loop().time
    subscription: BusSubscription | None = None

    def receive(messages: Sequence[Message]) -> None:
        for topic, payload in messages:
            taker = taker_of(topic)
            if taker is None:
                tick_received(symbol_of[topic], payload)
            else:
                taker(payload)
        if pacing is not None and (wait_s := pacing.wait_s(now())) > 0 and subscription is not None:
            subscription.rest(wait_s)

    subscription = await broker.subscribe([*takers, *symbol_of], receive)
    subscription.on_interrupt = continuity.interrupted
    return subscription
