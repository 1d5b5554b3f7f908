"""The ticket store on a cluster: strings that expire, spread over all nodes."""

from market.bus.redis.cluster.connection.client import ClusterClient
from market.bus.redis.cluster.roles.layout import ticket_key
from market.bus.redis.connection.client import milliseconds


class ClusterTicketStore:
    """See `market.bus.TicketStore`."""

    def __init__(self, client: ClusterClient) -> None:
        """Ask ``client``."""
        self._client = client

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.TicketStore.put`."""
        name = ticket_key(key)
        await self._client.ask(name, b"SET", name, value, b"PX", milliseconds(ttl_s))

    async def take(self, key: str) -> bytes | None:
        """See `market.bus.TicketStore.take`."""
        name = ticket_key(key)
        value: bytes | None = await self._client.ask(name, b"GETDEL", name, repeat=False)
        return value
