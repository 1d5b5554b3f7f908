"""Leadership on Redis or Valkey: a lease is a string that expires, and names its owner and the term.

The broker's script compares that string, in the same step as it publishes: no epoch has to be kept on the server.
"""

from itertools import count

from market.bus.leadership import Token
from market.bus.redis.connection.client import RedisClient, milliseconds
from market.bus.redis.roles.layout import lease_key, lease_value, stand_by_key
from market.bus.redis.roles.scripts import ACQUIRE, RELEASE


class RedisLeadership:
    """See `market.bus.Leadership`."""

    def __init__(self, client: RedisClient) -> None:
        """Ask ``client``."""
        self._client = client
        self._epochs = count(1)
        """An epoch for each try. If the answer to a try that succeeded is lost, its epoch is not used again."""

    async def acquire(self, lease: str, owner: str, ttl_s: float) -> Token | None:
        """See `market.bus.Leadership.acquire`."""
        words = (lease_key(lease), owner, milliseconds(ttl_s), next(self._epochs))
        value: bytes | None = await self._client.ask(b"EVAL", ACQUIRE, 1, *words)
        return None if value is None else Token(lease, owner, int(value.rpartition(b"#")[2]), ttl_s)

    async def release(self, token: Token) -> None:
        """See `market.bus.Leadership.release`."""
        await self._client.ask(b"EVAL", RELEASE, 1, lease_key(token.lease), lease_value(token))

    async def stand_by(self, lease: str, owner: str, ttl_s: float) -> None:
        """See `market.bus.Leadership.stand_by`."""
        await self._client.ask(b"SET", stand_by_key(lease), owner, b"PX", milliseconds(ttl_s))

    async def take_stand_by(self, lease: str) -> str | None:
        """See `market.bus.Leadership.take_stand_by`."""
        owner: bytes | None = await self._client.ask(b"GETDEL", stand_by_key(lease))
        return None if owner is None else owner.decode(errors="replace")
