"""Finds the implementation of the bus that a URL names.

A new implementation is a module with a function that opens its `Bus`, one line in `SCHEMES`, and one line in
``tests/market/bus/implementations.py``, by which the contract suite of every role runs over it.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from market.bus.broker import Broker
from market.bus.errors import BusUrlError
from market.bus.last_values import LastValues
from market.bus.leadership import Leadership
from market.bus.orders import Orders
from market.bus.presence import Presence
from market.bus.tickets import TicketStore

_NAMED_SCHEMES: Final = frozenset(("http", "https", "kafka", "memory", "valkey"))
"""Schemes that an error message may show; anything else in a wrong URL may be a part of a secret."""


class Bus(Protocol):
    """One process's access to a bus: six roles, each of which may be on another server."""

    @property
    def name(self) -> str:
        """The bus's place for logs, without secrets."""

    @property
    def broker(self) -> Broker:
        """Publish and receive."""

    @property
    def last_values(self) -> LastValues:
        """The newest payload of each topic."""

    @property
    def tickets(self) -> TicketStore:
        """Put once, take once."""

    @property
    def leadership(self) -> Leadership:
        """One leader for each lease."""

    @property
    def presence(self) -> Presence:
        """Which processes are there."""

    @property
    def orders(self) -> Orders:
        """What operators tell all gateways."""

    async def aclose(self) -> None:
        """Close all connections, except those of subscriptions; their holders close those."""


class BusOptions(Struct, frozen=True, kw_only=True):
    """How a process uses a bus, besides the URL."""

    partitions: int = 1
    """The number of partitions that it publishes in, up to `MAX_PARTITIONS`."""
    history_bytes: int = 0
    """How much of a history of its own the bus hands to a new subscription first. Most buses keep none."""
    store_url: str = ""
    """A Redis for leases and tickets, where the bus has none of its own; empty for none."""

    def __repr__(self) -> str:
        """Without the URL, which may hold a password."""
        return f"BusOptions(partitions={self.partitions}, history_bytes={self.history_bytes}, …)"


DEFAULTS: Final = BusOptions()

# Each client is imported where it is chosen: a process loads only its own.


def _memory(url: str, options: BusOptions) -> Bus:
    from market.bus.memory import MemoryBus

    if url != "memory://":
        raise BusUrlError("has something behind memory://; write memory:// alone, or redis://host:port/db")
    return MemoryBus(options.partitions)


def _redis(url: str, options: BusOptions) -> Bus:
    from market.bus.redis.bus import RedisBus

    return RedisBus(url, partitions=options.partitions)


def _redis_cluster(url: str, options: BusOptions) -> Bus:
    from market.bus.redis.cluster.bus import ClusterBus

    return ClusterBus(url, partitions=options.partitions)


def _kafka(url: str, options: BusOptions) -> Bus:
    try:
        from market.bus.kafka.bus import KafkaBus
    except ModuleNotFoundError as error:
        raise BusUrlError(f"needs {error.name}, which is not installed; pip install 'tickgate[kafka]'") from None

    return KafkaBus(
        url,
        partitions=options.partitions,
        history_bytes=options.history_bytes,
        store=open_store(options.store_url) if options.store_url else None,
    )


class Scheme(NamedTuple):
    """A bus by its URL's scheme."""

    open: Callable[[str, BusOptions], Bus]
    """Opens the bus of a URL."""
    symbol_channels: bool
    """Whether ticks are also published one by one, on a channel for each symbol, unless the settings say otherwise."""


SCHEMES: Final[Mapping[str, Scheme]] = {
    "kafka": Scheme(_kafka, symbol_channels=False),
    "memory": Scheme(_memory, symbol_channels=True),
    "redis": Scheme(_redis, symbol_channels=True),
    "redis+cluster": Scheme(_redis_cluster, symbol_channels=False),
    "rediss": Scheme(_redis, symbol_channels=True),
    "redis+sentinel": Scheme(_redis, symbol_channels=True),
    "rediss+sentinel": Scheme(_redis, symbol_channels=True),
    "rediss+cluster": Scheme(_redis_cluster, symbol_channels=False),
    "unix": Scheme(_redis, symbol_channels=True),
}
"""Every scheme of a URL of a bus."""


def open_bus(url: str, options: BusOptions = DEFAULTS) -> Bus:
    """Return the bus at ``url``: ``memory://``, or ``redis://host:port/db`` (``rediss://`` for TLS, ``unix://``).

    ``redis+cluster://host:port,host:port`` (``rediss+cluster://``) is a cluster;
    ``kafka://host:port,host:port`` is one of Kafka.

    Nothing is connected yet.

    Raises:
        BusUrlError: another scheme, or a URL that is not completely understood.
    """
    return _scheme(url).open(url, options)


def open_store(url: str) -> Bus:
    """Return the store at ``url``, which is a Redis of any kind. Nothing is connected yet.

    Raises:
        BusUrlError: another scheme, or a URL that is not completely understood.
    """
    if url.partition("://")[0] in {"kafka", "memory"}:
        raise BusUrlError("names no Redis, which leases and tickets need; write redis://host:port/db")
    return open_bus(url)


def has_symbol_channels(url: str) -> bool:
    """Whether ticks are also published on a channel for each symbol, on the bus at ``url``, unless told otherwise.

    Raises:
        BusUrlError: another scheme than those of `SCHEMES`.
    """
    return _scheme(url).symbol_channels


def _scheme(url: str) -> Scheme:
    name, separator, _ = url.partition("://")
    if separator and (scheme := SCHEMES.get(name)):
        return scheme
    what = f"has the scheme {name}, which is not supported" if name in _NAMED_SCHEMES else "is no URL of a bus"
    raise BusUrlError(
        f"{what}; write redis://host:port/db, rediss:// for TLS, unix:///socket, redis+sentinel://host:port/master/db,"
        " redis+cluster://host:port, kafka://host:port, or memory://"
    )
