"""The broker on Redis or Valkey: pub/sub. One script publishes a whole batch and keeps its last values.

All partitions are on the one server, and in one order. Each is a channel of its own.
"""

import asyncio
from collections.abc import Iterable

from redis.exceptions import ResponseError

from market.bus.broker import Batch, Receiver
from market.bus.errors import LeaseLostError
from market.bus.leadership import Token
from market.bus.redis.connection.client import LINK_PATIENCE_S, RedisClient, milliseconds
from market.bus.redis.connection.commands import command
from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S, FAULTS
from market.bus.redis.connection.pool import LEASE_LOST
from market.bus.redis.connection.subscription import RedisSubscription
from market.bus.redis.roles.layout import lease_key, lease_value, value_keys
from market.bus.redis.roles.scripts import PUBLISH


class RedisBroker:
    """See `market.bus.Broker`."""

    def __init__(self, client: RedisClient, partitions: int) -> None:
        """Publish over connections of ``client``; each subscription has one of its own."""
        self.partitions = partitions
        self._client = client
        self._publishing = asyncio.Lock()

    async def publish(self, batch: Batch, *, token: Token | None = None) -> None:
        """See `market.bus.Broker.publish`."""
        if not any(batch):
            return
        kept = [*batch.values, *batch.updates]
        keys = [key.encode() for key in value_keys(kept)]
        lease, term, ttl_ms = b"", b"", 0
        if token is not None:
            lease, term = lease_key(token.lease).encode(), lease_value(token).encode()
            ttl_ms = milliseconds(token.ttl_s)
        topic, payload = batch.barrier or ("", b"")
        words = [b"%d" % (1 + len(keys)), lease, *keys, term, b"%d" % ttl_ms, topic.encode(), payload]
        words += b"%d" % len(batch.values), b"%d" % len(batch.updates), b"%d" % self.partitions
        for topic, payload in (*kept, *batch.events):
            words += topic.encode(), payload
        # The whole script each time, not its hash: a restarted server knows no hashes.
        request = command(b"EVAL", PUBLISH, *words)
        try:
            async with self._publishing:
                await self._client.ask_at_once(request)
        except FAULTS as error:
            if token is not None and isinstance(error, ResponseError) and str(error).startswith(LEASE_LOST):
                raise LeaseLostError(f"lease {token.lease} is not held") from None
            raise self._client.down(error) from error

    async def history_partitions(self) -> int:
        """See `market.bus.Broker.history_partitions`. Pub/sub keeps no history."""
        return 0

    async def subscribe(self, topics: Iterable[str], receive: Receiver) -> RedisSubscription:
        """See `market.bus.Broker.subscribe`. Pub/sub keeps no history."""
        try:
            connection = await self._client.dial(LINK_PATIENCE_S)
            # The address may lead elsewhere by now; the next question must not be answered by a server
            # that was there before.
            self._client.renew()
            subscription = RedisSubscription(connection, topics, receive)
            self._client.keep(subscription)
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await subscription.subscribe()
            except BaseException:
                subscription.close()
                raise
        except FAULTS as error:
            raise self._client.down(error) from error
        return subscription
