"""What tests hand to a bus to see what comes out of it."""

import asyncio
from collections.abc import Callable, Sequence

from market.bus import Message

TIMEOUT_S = 20.0


class RecordingReceiver:
    """Keeps all that was received, in order. `receive` is the `market.bus.Receiver`."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self._news = asyncio.Event()

    def receive(self, batch: Sequence[Message]) -> None:
        assert batch, "a receiver is not called for nothing"
        self.received += batch
        self._news.set()

    async def until(self, enough: Callable[[list[Message]], bool]) -> None:
        """Wait until what was received is ``enough``."""
        async with asyncio.timeout(TIMEOUT_S):
            while not enough(self.received):
                self._news.clear()
                await self._news.wait()

    async def until_count(self, count: int) -> None:
        """Wait until at least so many have come."""
        await self.until(lambda received: len(received) >= count)
