"""The URL of a cluster: ``redis+cluster://host:port,host:port``, or ``rediss+cluster://`` for TLS.

It names some of the nodes; the others are learned from them. User, password and options are those of a single server
(`market.bus.redis.connection.url`), and the same for every node.
"""

import re
from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from market.bus.errors import BusUrlError
from market.bus.redis.connection.url import RedisUrl, parse_redis_url

_ONE_SERVER: Final = re.compile(r"\b(rediss?)://((?:[^\s/]*@)?)host:port(?:/db)?")
_FORM: Final = "redis+cluster://host:port,host:port"


class Address(NamedTuple):
    """Where a node listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ClusterUrl(Struct, frozen=True):
    """Nodes to begin with, and our credentials for all nodes. It never shows the password."""

    nodes: tuple[RedisUrl, ...]

    def __repr__(self) -> str:
        """Without user and password."""
        return f"ClusterUrl({self.place!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for printing with rich."""
        return [("place", self.place)]

    @property
    def place(self) -> str:
        """The nodes, as in the URL."""
        return ",".join(map(str, self.addresses))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Of the nodes to begin with."""
        return tuple(Address(node.host, node.port) for node in self.nodes)

    def of(self, address: Address) -> RedisUrl:
        """The URL of one node, with our credentials."""
        return replace(self.nodes[0], host=address.host, port=address.port)


def parse_cluster_url(url: str) -> ClusterUrl:
    """Read a URL that begins with ``redis+cluster://`` or ``rediss+cluster://``.

    Raises:
        BusUrlError: the URL, or a part of it, cannot be read. No secret is in the message.
    """
    scheme, _, rest = url.partition("://")
    single = scheme.removesuffix("+cluster")
    # As for one server: user and password end at the last @ before a path or an option.
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    userinfo, at, servers = authority.rpartition("@")
    behind = rest[len(authority) :]
    database = f"names a database, and a cluster has none but number 0; write {_FORM}"
    if "@" not in behind and behind.partition("?")[0] not in {"", "/", "/0"}:
        raise BusUrlError(database)
    try:
        nodes = tuple(parse_redis_url(f"{single}://{userinfo}{at}{server}{behind}") for server in servers.split(","))
    except BusUrlError as error:
        raise BusUrlError(_ONE_SERVER.sub(r"\1+cluster://\2host:port,host:port", str(error))) from None
    if any(node.db for node in nodes):
        raise BusUrlError(database)
    if len({(node.host, node.port) for node in nodes}) < len(nodes):
        raise BusUrlError(f"names a node twice; write {_FORM}, each of them once")
    return ClusterUrl(nodes)
