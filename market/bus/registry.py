"""Finds the implementation of the bus that a URL names.

A new implementation is a module with a function from URL to `Bus`, one line in `SCHEMES`, and one line in
``tests/market/bus/implementations.py``, by which the contract suite of every role runs over it.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from market.bus.broker import Broker
from market.bus.errors import BusUrlError
from market.bus.last_values import LastValues
from market.bus.leadership import Leadership
from market.bus.tickets import TicketStore

_NAMED_SCHEMES: Final = frozenset(("http", "https", "kafka", "memory", "redis+cluster", "valkey"))
"""Schemes that an error message may show; anything else in a wrong URL may be a part of a secret."""


class Bus(Protocol):
    """One process's access to a bus: four roles, each of which may be on another server."""

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

    async def aclose(self) -> None:
        """Close all connections, except those of subscriptions; their holders close those."""


# Each client is imported where it is chosen: a process loads only its own.


def _memory(url: str) -> Bus:
    from market.bus.memory import MemoryBus

    if url != "memory://":
        raise BusUrlError("has something behind memory://; write memory:// alone, or redis://host:port/db")
    return MemoryBus()


def _redis(url: str) -> Bus:
    from market.bus.redis.bus import RedisBus

    return RedisBus(url)


SCHEMES: Final[Mapping[str, Callable[[str], Bus]]] = {
    "memory": _memory,
    "redis": _redis,
    "rediss": _redis,
    "redis+sentinel": _redis,
    "rediss+sentinel": _redis,
    "unix": _redis,
}
"""Scheme → the function that opens a URL with it."""


def open_bus(url: str) -> Bus:
    """Return the bus at ``url``: ``memory://``, or ``redis://host:port/db`` (``rediss://`` for TLS, ``unix://``).

    Nothing is connected yet.

    Raises:
        BusUrlError: another scheme, or a URL that is not completely understood.
    """
    scheme, separator, _ = url.partition("://")
    if separator and (opener := SCHEMES.get(scheme)):
        return opener(url)
    what = f"has the scheme {scheme}, which is not supported" if scheme in _NAMED_SCHEMES else "is no URL of a bus"
    raise BusUrlError(f"{what}; write redis://host:port/db, rediss:// for TLS, unix:///socket, or memory://")
