"""The bus within one process: for tests, and for embedding poller and gateway together."""

import asyncio
from collections.abc import Iterable, Sequence

from market.bus import Lease, LeaseLostError, Receiver
from market.codec import encode_beat, encode_states, encode_tick
from market.status import Beat, States
from market.tick import Tick


class MemoryBus:
    """Delivers at once, in the publisher's own call."""

    name = "memory"

    def __init__(self) -> None:
        self._links: set[MemoryLink] = set()
        self._last: dict[str, bytes] = {}
        self._states: bytes | None = None
        self._stored: dict[str, tuple[bytes, asyncio.TimerHandle]] = {}
        """What was put, and the timer that ends it."""

    async def publish(
        self,
        ticks: Sequence[Tick],
        beat: Beat | None = None,
        *,
        states: States | None = None,
        lease: Lease | None = None,
    ) -> None:
        """See `market.bus.Bus.publish`."""
        if lease is not None and not self._has(lease):
            raise LeaseLostError(f"{lease.name} is not held")
        for tick in ticks:
            payload = encode_tick(tick)
            self._last[tick.symbol] = payload
            for link in tuple(self._links):
                link.deliver_tick(tick.symbol, payload)
        if states is not None:
            self._states = encode_states(states)
        if beat is not None:
            for link in tuple(self._links):
                link.deliver_beat(encode_beat(beat))
            if lease is not None:
                await self.put(lease.name, lease.owner.encode(), lease.ttl_s)

    async def last_values(self, symbols: Iterable[str] | None = None) -> dict[str, bytes]:
        """See `market.bus.Bus.last_values`."""
        if symbols is None:
            return dict(self._last)
        return {symbol: self._last[symbol] for symbol in symbols if symbol in self._last}

    async def last_states(self) -> bytes | None:
        """See `market.bus.Bus.last_states`."""
        return self._states

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> "MemoryLink":
        """See `market.bus.Bus.subscribe`."""
        link = MemoryLink(self._links, frozenset(symbols), receiver)
        self._links.add(link)
        return link

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.Bus.put`."""
        self._remove(key)
        self._stored[key] = value, asyncio.get_running_loop().call_later(ttl_s, self._remove, key)

    async def take(self, key: str) -> bytes | None:
        """See `market.bus.Bus.take`."""
        return self._remove(key)

    async def hold(self, lease: Lease) -> bool:
        """See `market.bus.Bus.hold`."""
        if lease.name in self._stored and not self._has(lease):
            return False
        await self.put(lease.name, lease.owner.encode(), lease.ttl_s)
        return True

    async def release(self, lease: Lease) -> None:
        """See `market.bus.Bus.release`."""
        if self._has(lease):
            self._remove(lease.name)

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`."""
        for link in tuple(self._links):
            link.close()
        for key in tuple(self._stored):
            self._remove(key)

    def _has(self, lease: Lease) -> bool:
        stored = self._stored.get(lease.name)
        return stored is not None and stored[0] == lease.owner.encode()

    def _remove(self, key: str) -> bytes | None:
        stored = self._stored.pop(key, None)
        if stored is None:
            return None
        value, timer = stored
        timer.cancel()
        return value


class MemoryLink:
    """A subscription to a `MemoryBus`; it is alive until it is closed."""

    def __init__(self, links: set["MemoryLink"], symbols: frozenset[str], receiver: Receiver) -> None:
        self._links = links
        self._symbols = symbols
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.heard_at = self._loop.time()

    def deliver_tick(self, symbol: str, payload: bytes) -> None:
        """Pass a tick on, if it is one that was asked for."""
        self.ping()
        if symbol in self._symbols:
            self._receiver.tick_received(symbol, payload)

    def deliver_beat(self, payload: bytes) -> None:
        """Pass a beat on."""
        self.ping()
        self._receiver.beat_received(payload)

    def ping(self) -> None:
        """Memory is always there."""
        self.heard_at = self._loop.time()

    def close(self) -> None:
        """See `market.bus.Link.close`."""
        self._links.discard(self)
        if not self.lost.done():
            self.lost.set_result("closed")
