"""The broker on a cluster: sharded pub/sub. One script for each partition publishes its part of a batch.

The scripts of a batch run side by side, on the nodes that have the partitions. A batch goes to the partitions that it
has messages for; its barrier goes to all.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from redis.exceptions import ResponseError

from market.bus.broker import Batch, Message, Receiver
from market.bus.errors import LeaseLostError
from market.bus.leadership import Token
from market.bus.partitions import in_partition, partition_of
from market.bus.redis.cluster.connection.client import ClusterClient
from market.bus.redis.cluster.connection.slots import slot_of
from market.bus.redis.cluster.roles.layout import (
    channel,
    lease_field,
    partition_key,
    partitions_in_use,
    partitions_with,
)
from market.bus.redis.cluster.roles.scripts import PUBLISH
from market.bus.redis.cluster.subscription.subscription import ClusterSubscription
from market.bus.redis.connection.client import milliseconds
from market.bus.redis.connection.commands import command
from market.bus.redis.connection.dial import FAULTS
from market.bus.redis.connection.pool import LEASE_LOST

_FENCE_LONGER_MS: Final = 100
"""A fence outlasts the lease by this, so that a publish that a fence refuses is one whose lease is free."""


class _Part:
    """What a batch has for one partition."""

    def __init__(self) -> None:
        self.values: list[Message] = []
        self.updates: list[Message] = []
        self.sent: list[Message] = []


class ClusterBroker:
    """See `market.bus.Broker`."""

    def __init__(self, client: ClusterClient, partitions: int) -> None:
        """Publish over connections of ``client``, in ``partitions``."""
        self.partitions = partitions
        self._client = client
        self._publishing = asyncio.Lock()
        self._announced = False
        """Whether readers can know the number of partitions."""

    async def publish(self, batch: Batch, *, token: Token | None = None) -> None:
        """See `market.bus.Broker.publish`."""
        if not any(batch):
            return
        async with self._publishing:
            parts = self._parts(batch)
            extends = batch.barrier is not None
            requests = [self._request(number, part, token, extends=extends) for number, part in parts.items()]
            # All of them, even if one fails: none may still be under way when the next batch is sent.
            outcomes = await self._client.send_all(requests)
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if token is not None and any(map(_is_lease_lost, failures)):
            raise LeaseLostError(f"lease {token.lease} is not held")
        if failures:
            raise self._client.down(failures[0]) from failures[0]
        self._announced = self._announced or 0 in parts

    async def history_partitions(self) -> int:
        """See `market.bus.Broker.history_partitions`. Pub/sub keeps no history."""
        return 0

    async def subscribe(self, topics: Iterable[str], receive: Receiver) -> ClusterSubscription:
        """See `market.bus.Broker.subscribe`."""
        partitions = await partitions_in_use(self._client, self.partitions)
        # A subscription to nothing has a link too, so that it can tell whether the bus is alive.
        channels: dict[str, dict[bytes, str]] = {partition_key(0): {}}
        for topic in topics:
            for number in partitions_with(topic, partitions):
                channels.setdefault(partition_key(number), {})[channel(topic, number).encode()] = topic
        subscription = ClusterSubscription(self._client, channels, receive)
        try:
            await subscription.open()
        except BaseException as error:
            subscription.close()
            if isinstance(error, FAULTS):
                raise self._client.down(error) from error
            raise
        return subscription

    def _parts(self, batch: Batch) -> dict[int, _Part]:
        everywhere = range(self.partitions) if batch.barrier is not None else ()
        parts = {number: _Part() for number in (everywhere or (() if self._announced else (0,)))}
        for messages, kind in ((batch.values, "values"), (batch.updates, "updates"), (batch.events, "sent")):
            for message in messages:
                number = partition_of(message[0], self.partitions)
                part = parts.get(number)
                if part is None:
                    parts[number] = part = _Part()
                getattr(part, kind).append(message)
        if batch.barrier is not None:
            topic, payload = batch.barrier
            for number in everywhere:
                parts[number].sent.append((in_partition(topic, number), payload))
            parts[0].sent.append(batch.barrier)
        return parts

    def _request(self, number: int, part: _Part, token: Token | None, *, extends: bool) -> tuple[int, bytes]:
        """The slot of a partition, and the command that publishes there."""
        key = partition_key(number).encode()
        lease, epoch, owner, ttl_ms = b"", b"", b"", 0
        if token is not None:
            lease, epoch, owner = lease_field(token.lease).encode(), b"%d" % token.epoch, token.owner.encode()
            if extends:
                ttl_ms = milliseconds(token.ttl_s) + (_FENCE_LONGER_MS if number else 0)
        counts = len(part.values), len(part.values) + len(part.updates)
        words = [b"1", key, lease, epoch, owner, b"%d" % ttl_ms, b"%d" % self.partitions]
        words += [b"%d" % count for count in counts]
        messages: Sequence[Message]
        for messages in (part.values, part.updates, part.sent):
            for topic, payload in messages:
                words += topic.encode(), payload
        # The whole script each time, not its hash: a restarted server knows no hashes.
        return slot_of(key), command(b"EVAL", PUBLISH, *words)


def _is_lease_lost(error: Exception) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith(LEASE_LOST)
