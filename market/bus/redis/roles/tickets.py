"""The ticket store on Redis or Valkey: strings that expire."""

from market.bus.redis.connection.client import RedisClient, milliseconds
from market.bus.redis.roles.layout import ticket_key


class RedisTicketStore:
    """See `market.bus.TicketStore`."""

    def __init__(self, client: RedisClient) -> None:
        """Ask ``client``."""
        self._client = client

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.TicketStore.put`."""
        await self._client.ask(b"SET", ticket_key(key), value, b"PX", milliseconds(ttl_s))

    async def take(self, key: str) -> bytes | None:
        """See `market.bus.TicketStore.take`."""
        value: bytes | None = await self._client.ask(b"GETDEL", ticket_key(key))
        return value
