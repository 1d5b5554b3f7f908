"""A gateway in the test's own process whose prices are live, and clients of its streams that nobody here wrote."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from market.prices.listed import Listed
from market.prices.stats import Stats
from market.prices.symbols import Symbols
from market.wire.listings import Listing, encode_listing
from market.wire.stats import encode_stats, encode_stats_batch
from tests.gateway.conftest import RunningGateway, Start

QUOTE: dict[str, Any] = {"bid": 6523456, "ask": 6523457, "bid_size": 1500, "ask_size": 2, "update_id": 7}
SYMBOLS = Symbols(("BTCUSDT", "ETHUSDT", "币安人生USDT", "coinbase:BTC-USD"))


def stats(symbol: str = "BTCUSDT", **fields: Any) -> Stats:
    """Figures as they come by Binance's ``miniTicker``."""
    numbers = {"open": "65000.00000000", "high": "65300.10000000", "low": "64900.00000000", "last": "65234.50000000"}
    return Stats(
        **{
            "symbol": symbol,
            "ts_us": 1_795_734_825_341_123,
            **numbers,
            "volume": "1234.50000000",
            "quote_volume": "80345678.90000000",
            **fields,
        }
    )


class Scene:
    """A gateway, and what its bus brings."""

    def __init__(self, running: RunningGateway) -> None:
        self.running = running
        self.gateway = running.gateway
        self.base = f"{running.host}:{running.port}/binance"

    async def quote(self, symbol: str, seq: int, **fields: Any) -> None:
        """A tick comes."""
        await self.running.publish(symbol, seq, **(QUOTE | fields))

    def figures(self, *all_stats: Stats) -> None:
        """Figures of 24 hours come."""
        parts = [(one.symbol, encode_stats(one)) for one in all_stats]
        self.gateway.feed.stats_feed.batch_received("binance", encode_stats_batch(parts))

    def listing(self, *listed: Listed) -> None:
        """A listing comes."""
        payload = encode_listing(Listing(venue="binance", symbols=list(listed)))
        self.gateway.feed.stats_feed.listing_received("binance", payload)

    async def live(self) -> None:
        """The exchange is received."""
        async with asyncio.timeout(10):
            while not self.gateway.feed.live_venues()["binance"]:
                await self.running.heartbeat()
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def stream(self, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
        """A client of streams."""
        async with connect(f"ws://{self.base}{path}", **options) as socket:
            yield socket

    async def get(self, path: str, **headers: str) -> tuple[int, Any, Any]:
        """Status, body and headers of an answer of REST."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.base}/api/v3/{path}", headers=headers) as response,
        ):
            return response.status, await response.json(), response.headers


@pytest.fixture
async def scene(start: Start) -> Scene:
    """A gateway whose prices are live."""
    scene = Scene(await start(symbols=SYMBOLS))
    await scene.live()
    return scene


async def told(socket: ClientConnection) -> Any:
    """The next message."""
    async with asyncio.timeout(10):
        return json.loads(await socket.recv())


async def ask(socket: ClientConnection, method: str, params: Sequence[Any] | None = None, command_id: Any = 1) -> Any:
    """The answer to a command."""
    await socket.send(json.dumps({"method": method, "params": params, "id": command_id}))
    return await told(socket)
