"""The bus: what carries ticks and beats between processes, and the little that they must agree on.

`Bus` is the port. `market.bus.memory` is one process and its tests, `market.bus.redis` is Redis or
Valkey; both pass the same contract suite, ``tests/market/bus/test_contract.py``.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from market.errors import MarketError
from market.status import Beat, States
from market.tick import Tick

_NAMED_SCHEMES: Final = frozenset(("http", "https", "kafka", "memory", "redis+cluster", "redis+sentinel", "valkey"))
"""What a message may show of a URL that is not understood: anything else may be a part of a secret."""


class BusDownError(MarketError):
    """The bus cannot be reached, or did not answer in time. Try again later."""


class LeaseLostError(MarketError):
    """The lease has run out, or is another's. Nothing of what was to be done under it was done."""


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


class Lease(NamedTuple):
    """What one owner at a time can have, until ``ttl_s`` seconds after it was last held or extended."""

    name: str
    """The key in the store."""
    owner: str
    """Who would have it; no two processes use the same."""
    ttl_s: float


class Bus(Protocol):
    """Publish ticks, keep the newest of each symbol, and hand both to subscribers.

    Beside that a small store, the same for every process on the bus. It may be lost at any time, as
    everything on a bus may be: keep in it only what can be made again.
    """

    name: str
    """Where it is, without secrets, for logs."""

    async def publish(
        self,
        ticks: Sequence[Tick],
        beat: Beat | None = None,
        *,
        states: States | None = None,
        lease: Lease | None = None,
    ) -> None:
        """Send ``ticks`` in their order, keep each symbol's last as its last value, then send ``beat``.

        ``states``, which go with a beat, are kept before that is sent.

        With a ``lease``, the bus does all of this only while its owner has it, and ``beat`` extends it. The bus
        judges at the moment of sending, so what was held up on its way cannot arrive under somebody else's lease.

        Raises:
            BusDownError: all, some or none of it may have arrived.
            LeaseLostError: none of it was sent.
        """

    async def last_values(self, symbols: Iterable[str] | None = None) -> dict[str, bytes]:
        """The newest payload of every symbol ever published, or of those of ``symbols``; not checked.

        One that is too long for a tick may be empty instead: nobody fetches what nobody can use.

        Raises:
            BusDownError: the bus did not answer.
        """

    async def last_states(self) -> bytes | None:
        """The newest states that were published; not checked, as `last_values`. None where there were none.

        Raises:
            BusDownError: the bus did not answer.
        """

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> Link:
        """Receive the ticks of ``symbols``, and beats, from the moment this returns.

        Raises:
            BusDownError: the bus did not answer.
        """

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store ``value`` for ``ttl_s`` seconds, in place of whatever had this key.

        Raises:
            BusDownError: it may be stored or not.
        """

    async def take(self, key: str) -> bytes | None:
        """Remove what was `put` and give it; None if there is nothing. Of several takers one gets it.

        Raises:
            BusDownError: it may be removed or not.
        """

    async def hold(self, lease: Lease) -> bool:
        """Take ``lease`` if it is free, extend it if its owner has it already; False if another has it.

        Raises:
            BusDownError: its owner may have it or not.
        """

    async def release(self, lease: Lease) -> None:
        """Free ``lease`` if its owner still has it.

        Raises:
            BusDownError: it may be free or not; it runs out by itself.
        """

    async def aclose(self) -> None:
        """Let go of every connection."""


def open_bus(url: str) -> Bus:
    """The bus that ``url`` names: ``memory://``, or ``redis://host:port/db`` (``rediss://`` for TLS, ``unix://``).

    Nothing is connected yet.

    Raises:
        BusUrlError: another scheme, or a URL that is not understood as a whole.
    """
    # Each client is imported where it is chosen: a process pays only for its own.
    scheme = url.partition("://")[0]
    if url == "memory://":
        from market.bus.memory import MemoryBus

        return MemoryBus()
    if scheme in {"redis", "rediss", "unix"}:
        from market.bus.redis.bus import RedisBus

        return RedisBus(url)
    what = f"has the scheme {scheme}, which is not supported" if scheme in _NAMED_SCHEMES else "is no URL of a bus"
    raise BusUrlError(f"{what}; write redis://host:port/db, rediss:// for TLS, unix:///socket, or memory://")
