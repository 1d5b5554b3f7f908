"""The nodes of a cluster that this process is connected to: one pipe for commands to each."""

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from market.bus.redis.cluster.connection.one_per_node import OnePerNode
from market.bus.redis.cluster.connection.pipe import NodePipe
from market.bus.redis.cluster.connection.url import Address, ClusterUrl
from market.bus.redis.connection.dial import dial


class Nodes:
    """Dials nodes, and keeps one pipe to each that was asked for."""

    def __init__(self, url: ClusterUrl) -> None:
        """Begin without connections; ``url`` has the credentials for all nodes."""
        self._url = url
        self._reached: set[Address] = set()
        """Nodes to which a connection was made."""
        self.pipes = OnePerNode(self._open)

    async def dial(self, address: Address) -> AbstractConnection:
        """A new connection to a node, for a caller that needs one of its own.

        Raises:
            RedisConnectionError: none could be made; the message has the reason, without our credentials.
        """
        try:
            connection = await dial(self._url.of(address), reached=address in self._reached)
        except RedisConnectionError as error:
            reason = str(error)
        else:
            self._reached.add(address)
            return connection
        for scheme in ("redis", "rediss"):
            reason = reason.replace(f"{scheme}://", f"{scheme}+cluster://")
        raise RedisConnectionError(reason if str(address) in reason else f"{address}: {reason}")

    async def _open(self, address: Address) -> NodePipe:
        return NodePipe(await self.dial(address))
