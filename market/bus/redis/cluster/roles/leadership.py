"""Leadership on a cluster: the lease lies in partition 0, and every partition has a fence.

A new leader raises the fence of every partition to its epoch before `acquire` returns. From then on each partition
refuses publishes of earlier terms by itself. If a leader dies between two fences, the next one has a higher epoch and
raises all of them. A fence that is higher than our epoch shows that partition 0 lost its data, or that somebody leads
since: the lease is asked for again, with a still higher epoch.
"""

from typing import Any, Final

from market.bus.errors import BusDownError
from market.bus.leadership import Token
from market.bus.redis.cluster.connection.client import ClusterClient, together
from market.bus.redis.cluster.roles.layout import as_partitions, lease_field, partition_key, stand_by_key
from market.bus.redis.cluster.roles.scripts import ACQUIRE, RAISE, RELEASE
from market.bus.redis.connection.client import milliseconds

_TRIES: Final = 5
"""Each with an epoch above all that were found."""


class ClusterLeadership:
    """See `market.bus.Leadership`."""

    def __init__(self, client: ClusterClient, partitions: int) -> None:
        """Ask ``client``; publishers use ``partitions``."""
        self._client = client
        self._partitions = partitions

    async def acquire(self, lease: str, owner: str, ttl_s: float) -> Token | None:
        """See `market.bus.Leadership.acquire`."""
        field, at_least = lease_field(lease), 0
        for _ in range(_TRIES):
            answer = await self._eval(0, ACQUIRE, field, owner, milliseconds(ttl_s), at_least)
            if answer is None:
                return None
            epoch = int(answer[0])
            # The earlier leader may have used more partitions, and its gateways may still read them.
            partitions = max(self._partitions, as_partitions(answer[1], 1))
            fences = await together(
                *(
                    self._eval(number, RAISE, field, owner, milliseconds(ttl_s), epoch)
                    for number in range(1, partitions)
                )
            )
            highest = max((int(fence) for fence in fences), default=0)
            if not highest:
                return Token(lease, owner, epoch, ttl_s)
            at_least = highest + 1
        raise BusDownError(f"fences of lease {lease} rise as fast as we try to raise them")

    async def release(self, token: Token) -> None:
        """See `market.bus.Leadership.release`."""
        words = lease_field(token.lease), token.owner, token.epoch
        await together(*(self._eval(number, RELEASE, *words) for number in range(self._partitions)))

    async def stand_by(self, lease: str, owner: str, ttl_s: float) -> None:
        """See `market.bus.Leadership.stand_by`."""
        key = stand_by_key(lease)
        await self._client.ask(key, b"SET", key, owner, b"PX", milliseconds(ttl_s))

    async def take_stand_by(self, lease: str) -> str | None:
        """See `market.bus.Leadership.take_stand_by`."""
        key = stand_by_key(lease)
        owner: bytes | None = await self._client.ask(key, b"GETDEL", key, repeat=False)
        return None if owner is None else owner.decode(errors="replace")

    async def _eval(self, partition: int, script: bytes, *words: str | int) -> Any:
        key = partition_key(partition)
        return await self._client.ask(key, b"EVAL", script, 1, key, *words)
