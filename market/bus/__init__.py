"""The bus: what carries ticks and beats between processes.

`Bus` is the port. `market.bus.memory` is one process and its tests, `market.bus.redis` is Redis or
Valkey; both pass the same contract suite, ``tests/market/bus/test_contract.py``.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from market.errors import MarketError
from market.status import Beat
from market.tick import Tick


class BusDownError(MarketError):
    """The bus cannot be reached, or did not answer in time. Try again later."""


class BusUrlError(MarketError, ValueError):
    """A bus URL that means nothing; the message says how to write one."""


class Receiver(Protocol):
    """What a subscriber hands to the bus. Both methods are called in order of arrival and must not raise."""

    def tick_received(self, symbol: str, payload: bytes) -> None:
        """``payload`` came for ``symbol``; it is not checked yet."""

    def beat_received(self, payload: bytes) -> None:
        """A beat came; it is not checked yet."""


class Link(Protocol):
    """One living subscription."""

    lost: asyncio.Future[str]
    """Done when the link is gone, with the reason; it never carries an exception."""
    heard_at: float
    """The event loop's time when anything last came."""

    def ping(self) -> None:
        """Ask the bus for a sign of life; its answer moves `heard_at`."""

    def close(self) -> None:
        """End the subscription; nothing is received after this. Closing twice is allowed."""


class Bus(Protocol):
    """Publish ticks, keep the newest of each symbol, and hand both to subscribers."""

    name: str
    """Where it is, without secrets, for logs."""

    async def publish(self, ticks: Sequence[Tick], beat: Beat | None = None) -> None:
        """Send ``ticks`` in their order, keep each symbol's last as its last value, then send ``beat``.

        Raises:
            BusDownError: all, some or none of it may have arrived.
        """

    async def last_values(self) -> dict[str, bytes]:
        """The newest payload of every symbol ever published; not checked.

        Raises:
            BusDownError: the bus did not answer.
        """

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> Link:
        """Receive the ticks of ``symbols``, and beats, from the moment this returns.

        Raises:
            BusDownError: the bus did not answer.
        """

    async def aclose(self) -> None:
        """Let go of every connection."""


def open_bus(url: str) -> Bus:
    """The bus that ``url`` names: ``memory://``, or ``redis://host:port/db`` (``rediss://`` for TLS, ``unix://``).

    Nothing is connected yet.

    Raises:
        BusUrlError: another scheme, or a URL that its client cannot read.
    """
    # Each client is imported where it is chosen: a process pays only for its own.
    scheme = url.partition("://")[0]
    if url == "memory://":
        from market.bus.memory import MemoryBus

        return MemoryBus()
    if scheme in {"redis", "rediss", "unix"}:
        from market.bus.redis import RedisBus

        return RedisBus(url)
    raise BusUrlError("must be memory:// or redis://host:port/db")
