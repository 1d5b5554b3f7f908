"""What tests hand to a bus to see what comes out of it."""

import asyncio
from collections.abc import Callable

TIMEOUT_S = 20.0


class RecordingReceiver:
    """Keeps all that was received, in order: ``(symbol, payload)``, with the symbol "beat" for a beat."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()

    def tick_received(self, symbol: str, payload: bytes) -> None:
        self.received.append((symbol, payload))
        self._news.set()

    def beat_received(self, payload: bytes) -> None:
        self.tick_received("beat", payload)

    async def until(self, enough: Callable[[list[tuple[str, bytes]]], bool]) -> None:
        """Wait until what was received is ``enough``."""
        async with asyncio.timeout(TIMEOUT_S):
            while not enough(self.received):
                self._news.clear()
                await self._news.wait()

    async def until_count(self, count: int) -> None:
        """Wait until at least so many have come."""
        await self.until(lambda received: len(received) >= count)
