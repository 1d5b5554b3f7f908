"""A well-behaved client, which looks on."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

_HARMLESS = ("snapshot", "symbol_status")


class Witness:
    """Takes every tick of every symbol, and notes what is wrong with them."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._seqs: dict[str, int] = {}
        self.ticks = 0
        self.gaps = 0
        """Ticks that did not follow the one before them."""
        self.oldest_s = 0.0
        """Of all ticks, the greatest age at which one came."""
        self.end = ""
        """How the connection ended, where it has."""

    async def run(self) -> None:
        """Look on until cancelled, or thrown out."""
        try:
            while True:
                message = orjson.loads(await self._socket.recv())
                if message["type"] == "tick":
                    self._see(message["symbol"], message["seq"], message["recv_us"])
                elif self.ticks and message["type"] not in _HARMLESS and message.get("feed") != "live":
                    self.end = f"was told {message}"
        except ConnectionClosed as end:
            self.end = self.end or str(end)

    def _see(self, symbol: str, seq: int, recv_us: int) -> None:
        self.ticks += 1
        before = self._seqs.get(symbol)
        self.gaps += before is not None and seq != before + 1
        self._seqs[symbol] = seq
        self.oldest_s = max(self.oldest_s, time.time() - recv_us / 1e6)


@asynccontextmanager
async def witness(url: str) -> AsyncIterator[Witness]:
    """One that has begun to look."""
    async with connect(url, ping_interval=None) as socket:
        await socket.send(orjson.dumps({"type": "subscribe", "symbols": ["*"], "conflate": False}).decode())
        looking = Witness(socket)
        task = asyncio.create_task(looking.run())
        try:
            async with asyncio.timeout(30):
                while not looking.ticks:  # noqa: ASYNC110 # it comes from another process
                    await asyncio.sleep(0.01)
            yield looking
        finally:
            task.cancel()
            await asyncio.wait((task,))
