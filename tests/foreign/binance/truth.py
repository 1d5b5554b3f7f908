"""What a gateway sends in its own protocol, kept, so that what others read can be compared with it to the digit."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from market.prices.tick import unscaled

Quote = tuple[str, ...]
"""Bid, its size, ask, its size: as numbers without zeros behind."""


def plain(number: str) -> str:
    """A decimal string without zeros behind."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _plain(value: int, scale: int) -> str:
    return plain(unscaled(value, scale))


class Truth:
    """All quotes and figures so far."""

    def __init__(self) -> None:
        self.quotes: dict[tuple[str, int], Quote] = {}
        """By symbol and the exchange's number."""
        self.figures: dict[tuple[str, int], dict[str, str]] = {}
        """Of 24 hours, by symbol and milliseconds."""
        self.prices: dict[str, set[str]] = {}
        """The last prices of each symbol."""
        self.live = False
        """Whether prices are current."""

    def take(self, message: dict[str, Any]) -> None:
        """Keep what is in a message."""
        match message["type"]:
            case "tick" | "snapshot" if "update_id" in message:
                price, size = message["price_scale"], message["size_scale"]
                sides = (("bid", price), ("bid_size", size), ("ask", price), ("ask_size", size))
                quote = tuple(_plain(message[name], scale) for name, scale in sides)
                self.quotes[message["symbol"], message["update_id"]] = quote
                if "last" in message:
                    self.prices.setdefault(message["symbol"], set()).add(_plain(message["last"], price))
            case "status":
                self.live = message["feed"] == "live"
            case "stats":
                self.figures[message["symbol"], message["ts_us"] // 1000] = message


@asynccontextmanager
async def heard(url: str) -> AsyncIterator[Truth]:
    """Hear all that the gateway at ``url`` sends, from before the block begins until it ends."""
    truth = Truth()
    async with connect(url) as socket:
        for channel in ("ticker", "stats"):
            conflate = {"conflate": False} if channel == "ticker" else {}
            await socket.send(json.dumps({"type": "subscribe", "channel": channel, "symbols": ["*"], **conflate}))
        reading = asyncio.create_task(_read(socket, truth))
        try:
            yield truth
        finally:
            reading.cancel()


async def _read(socket: ClientConnection, truth: Truth) -> None:
    async for text in socket:
        truth.take(json.loads(text))
