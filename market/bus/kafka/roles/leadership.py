"""Leadership on Kafka: leases lie in the store, and each term has a producer that keeps earlier terms out.

Who leads is decided by the store's lease, which a barrier extends. That nothing of an earlier term is sent is decided
by the brokers (`market.bus.kafka.roles.sender`): before `acquire` returns a new term, the producers of earlier ones are
refused.

Without a store every `acquire` is granted. Two pollers then take the lease from each other. So the one that lost it
leaves it to the other for some time, and says what is wrong.
"""

import asyncio
import logging
from typing import Final
from urllib.parse import quote

from market.bus.broker import Batch
from market.bus.errors import BusDownError, LeaseLostError
from market.bus.kafka.connection.client import KafkaClient
from market.bus.kafka.roles.sender import Sender
from market.bus.leadership import Token
from market.bus.partitions import in_partition
from market.bus.store import LEASE_CHECKED, Store
from market.process.events import LEASE_TAKEN, STORE_MISSING

logger = logging.getLogger(__name__)

_YIELD_S: Final = 30.0
"""So long a poller without a store leaves the lease to the one that took it."""


class _Term:
    """One term of a lease, while it lasts."""

    def __init__(self, token: Token, sender: Sender, until: float) -> None:
        self.token = token
        self.sender = sender
        self.until = until
        """The event loop's time up to which the store need not be asked whether it still lasts."""


class KafkaLeadership:
    """See `market.bus.Leadership`."""

    def __init__(self, client: KafkaClient, store: Store, partitions: int, *, shared: bool) -> None:
        """``store`` has the leases; ``shared`` says whether other processes see them."""
        self._client = client
        self._store = store
        self._partitions = partitions
        self._shared = shared
        self._terms: dict[str, _Term] = {}
        self._yield_until: dict[str, float] = {}
        self._said = shared

    async def acquire(self, lease: str, owner: str, ttl_s: float) -> Token | None:
        """See `market.bus.Leadership.acquire`."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._yield_until.get(lease, 0.0):
            return None
        began = loop.time()
        token = await self._store.leadership.acquire(lease, owner, ttl_s)
        if token is None:
            return None
        term = self._terms.get(lease)
        if (
            term is not None
            and not term.sender.broken
            and term.token.epoch == token.epoch
            and term.token.owner == owner
        ):
            term.until = began + ttl_s
            return token
        try:
            sender = await self._begin(lease)
        except BusDownError:
            # Another poller may reach the brokers.
            await self._store.leadership.release(token)
            raise
        # That took some time, so the lease may have run out.
        began = loop.time()
        again = await self._store.leadership.acquire(lease, owner, ttl_s)
        if again is None:
            sender.close()
            return None
        self._replace(lease, _Term(again, sender, began + ttl_s))
        return again

    async def release(self, token: Token) -> None:
        """See `market.bus.Leadership.release`."""
        term = self._terms.get(token.lease)
        if term is not None and _same(term.token, token):
            del self._terms[token.lease]
            term.sender.close()
        await self._store.leadership.release(token)

    async def stand_by(self, lease: str, owner: str, ttl_s: float) -> None:
        """See `market.bus.Leadership.stand_by`."""
        await self._store.leadership.stand_by(lease, owner, ttl_s)

    async def take_stand_by(self, lease: str) -> str | None:
        """See `market.bus.Leadership.take_stand_by`."""
        return await self._store.leadership.take_stand_by(lease)

    async def sender_of(self, token: Token, *, extend: bool) -> Sender:
        """The sender of a term that lasts; with ``extend`` its lease is extended.

        Raises:
            LeaseLostError: the term is over.
            BusDownError: the store did not answer.
        """
        term = self._terms.get(token.lease)
        if term is None or not _same(term.token, token):
            raise LeaseLostError(f"lease {token.lease} is not held")
        began = asyncio.get_running_loop().time()
        if extend:
            await self._store.broker.publish(Batch(barrier=(LEASE_CHECKED, b"")), token=token)
            term.until = began + token.ttl_s
        elif began >= term.until:
            await self._store.broker.publish(Batch(events=[(in_partition(LEASE_CHECKED, 0), b"")]), token=token)
        return term.sender

    def lost(self, token: Token) -> None:
        """The brokers have refused the term's producer: another one has begun."""
        term = self._terms.get(token.lease)
        if term is not None and _same(term.token, token):
            del self._terms[token.lease]
            term.sender.close()
        if not self._shared:
            self._yield_until[token.lease] = asyncio.get_running_loop().time() + _YIELD_S
            logger.error(LEASE_TAKEN, token.lease)

    def close(self) -> None:
        """End all terms of this process; their leases run out by themselves."""
        for term in self._terms.values():
            term.sender.close()
        self._terms.clear()

    async def _begin(self, lease: str) -> Sender:
        if not self._said:
            self._said = True
            logger.warning(STORE_MISSING, lease)
        await self._client.ensure_topics(self._partitions)
        name = f"{self._client.url.prefix}tickgate.{quote(lease, safe='')}"
        sender = Sender(self._client, self._partitions, name)
        try:
            await sender.begin()
        except BaseException:
            sender.close()
            raise
        return sender

    def _replace(self, lease: str, term: _Term) -> None:
        if (old := self._terms.get(lease)) is not None:
            old.sender.broken = True
            old.sender.close()
        self._terms[lease] = term


def _same(one: Token, other: Token) -> bool:
    return one.owner == other.owner and one.epoch == other.epoch
