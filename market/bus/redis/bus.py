"""The six roles on one Redis or Valkey server, over the connections of one client."""

from typing import Final

from market.bus.redis.connection.client import RedisClient
from market.bus.redis.roles.broker import RedisBroker
from market.bus.redis.roles.last_values import RedisLastValues
from market.bus.redis.roles.leadership import RedisLeadership
from market.bus.redis.roles.orders import RedisOrders
from market.bus.redis.roles.presence import RedisPresence
from market.bus.redis.roles.tickets import RedisTicketStore

_REDIAL_S: Final = 10.0
"""Gateways keep a link over which nothing useful comes for this long."""


class RedisBus:
    """See `market.bus.Bus`."""

    def __init__(self, url: str, *, partitions: int = 1, redial_s: float = _REDIAL_S) -> None:
        """Read ``url``, without connecting. Its address is looked up again every ``redial_s`` seconds.

        Publish in ``partitions``.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        self._client = RedisClient(url, redial_s=redial_s)
        self.name = self._client.name
        self.broker = RedisBroker(self._client, partitions)
        self.last_values = RedisLastValues(self._client)
        self.tickets = RedisTicketStore(self._client)
        self.leadership = RedisLeadership(self._client)
        self.presence = RedisPresence(self._client.ask)
        self.orders = RedisOrders(self._client.ask)

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`."""
        await self._client.aclose()
