"""The six roles on a cluster, over the connections of one client."""

import functools

from market.bus.redis.cluster.connection.client import ClusterClient
from market.bus.redis.cluster.roles.broker import ClusterBroker
from market.bus.redis.cluster.roles.last_values import ClusterLastValues
from market.bus.redis.cluster.roles.layout import ORDERS, PRESENCES
from market.bus.redis.cluster.roles.leadership import ClusterLeadership
from market.bus.redis.cluster.roles.tickets import ClusterTicketStore
from market.bus.redis.roles.orders import RedisOrders
from market.bus.redis.roles.presence import RedisPresence


class ClusterBus:
    """See `market.bus.Bus`."""

    def __init__(self, url: str, *, partitions: int = 1) -> None:
        """Read ``url``, without connecting. Publish in ``partitions``.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        self._client = ClusterClient(url)
        self.name = self._client.name
        self.broker = ClusterBroker(self._client, partitions)
        self.last_values = ClusterLastValues(self._client, partitions)
        self.tickets = ClusterTicketStore(self._client)
        self.leadership = ClusterLeadership(self._client, partitions)
        self.presence = RedisPresence(functools.partial(self._client.ask, PRESENCES), PRESENCES)
        self.orders = RedisOrders(functools.partial(self._client.ask, ORDERS), ORDERS)

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`."""
        await self._client.aclose()
