"""The broker: publishes batches of messages, and hands batches of messages to subscribers.

A message is a topic and a payload. Topics are opaque strings: the broker compares them and knows none by name. Payloads
are opaque bytes. Callers encode and decode them (`market.wire.codec`), and check what they receive: others may write
too.

Messages are ordered within a partition only (`market.bus.partitions`): partitions may be shards of Redis Cluster, or
partitions of Kafka. The barrier of a batch is sent in each of them. A subscriber that must know that it has everything
reads the barrier of every partition.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from market.bus.leadership import Token

Message = tuple[str, bytes]
"""A topic and a payload."""

Receiver = Callable[[Sequence[Message]], None]
"""A subscriber's callback. The broker calls it with the messages that arrived together, in order. It must not raise."""


def nothing() -> None:
    """Stands in for `BusSubscription.on_interrupt` until it is set."""


class Batch(NamedTuple):
    """Messages that are published at once: in each partition values, updates, events, barrier, in this order."""

    updates: Sequence[Message] = ()
    """Sent to subscribers; the last of each topic becomes its last value."""
    values: Sequence[Message] = ()
    """Become the last values of their topics; they are not sent."""
    barrier: Message | None = None
    """Sent in every partition, and not kept. Subscribers of its topic get the copy of partition 0, those of
    ``in_partition(topic, n)`` that of partition ``n``. A subscriber that receives it has received everything that its
    publisher published in that partition before it or with it. All last values of that partition are kept by then."""
    events: Sequence[Message] = ()
    """Sent to subscribers, and not kept. Each has a topic of `market.bus.partitions.in_partition`."""


class BusSubscription(Protocol):
    """A subscription."""

    lost: asyncio.Future[str]
    """Done when the subscription is gone, with the reason; it never carries an exception."""
    received_at: float
    """The event loop's time when the last byte came; an answer to `ping` counts."""
    missed: asyncio.Event
    """Set when messages may have been missed although the subscription goes on, because one server of several was
    replaced. Who sees it clears it, and reads the last values again."""
    on_interrupt: Callable[[], None]
    """Called when that begins, behind the last message before it, and before the next one of that partition."""

    @property
    def interrupted(self) -> bool:
        """Whether nothing comes of some partition at present, because its server is being replaced."""

    def ping(self) -> None:
        """Ask the broker for a sign of life.

        An implementation with several servers asks each, and replaces one that does not answer by itself.
        """

    def close(self) -> None:
        """End the subscription; the receiver is not called after this. Closing twice is allowed."""


class Broker(Protocol):
    """Publish and receive batches of messages."""

    @property
    def partitions(self) -> int:
        """The number of partitions to publish in. Subscribers learn it from messages: another process may use more."""

    async def publish(self, batch: Batch, *, token: Token | None = None) -> None:
        """Send and keep the messages of ``batch``. An empty one does nothing.

        Concurrent calls are executed one after the other. Messages of one partition reach every subscriber in the order
        in which they were published. A batch may reach a subscriber in several pieces, or together with others.

        With a ``token``, nothing happens unless its term still lasts, and the barrier extends the lease by the token's
        ``ttl_s``. The bus checks the term at the moment of sending (in each partition, if there are several). So a
        delayed batch cannot arrive in a later term.

        Raises:
            BusDownError: all, some or none of it may have been sent and kept.
            LeaseLostError: the term is over. None of it was sent or kept, unless its term ended in the middle of a
                publish to several partitions.
        """

    async def history_partitions(self) -> int:
        """The number of partitions of a bus that keeps a history of its own; 0 of any other.

        Who subscribes to messages of a partition in its first subscription gets the history of them.

        Raises:
            BusDownError: the bus did not answer.
        """

    async def subscribe(self, topics: Iterable[str], receive: Receiver) -> BusSubscription:
        """Hand messages of ``topics`` to ``receive``, and no others, from the moment this returns.

        Read earlier messages from `LastValues` after this has returned. A bus that keeps a history of its own hands
        over the newest part of it first, in order (`market.bus.registry.BusOptions`).

        Raises:
            BusDownError: the bus did not answer.
        """
