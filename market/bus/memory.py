"""The bus within one process: for tests, and for embedding poller and gateway together."""

import asyncio
from collections.abc import Iterable, Sequence

from market.bus import Receiver
from market.codec import encode_beat, encode_tick
from market.status import Beat
from market.tick import Tick


class MemoryBus:
    """Delivers at once, in the publisher's own call."""

    name = "memory"

    def __init__(self) -> None:
        self._links: set[MemoryLink] = set()
        self._last: dict[str, bytes] = {}

    async def publish(self, ticks: Sequence[Tick], beat: Beat | None = None) -> None:
        """See `market.bus.Bus.publish`."""
        for tick in ticks:
            payload = encode_tick(tick)
            self._last[tick.symbol] = payload
            for link in tuple(self._links):
                link.deliver_tick(tick.symbol, payload)
        if beat is not None:
            for link in tuple(self._links):
                link.deliver_beat(encode_beat(beat))

    async def last_values(self) -> dict[str, bytes]:
        """See `market.bus.Bus.last_values`."""
        return dict(self._last)

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> "MemoryLink":
        """See `market.bus.Bus.subscribe`."""
        link = MemoryLink(self._links, frozenset(symbols), receiver)
        self._links.add(link)
        return link

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`."""
        for link in tuple(self._links):
            link.close()


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
