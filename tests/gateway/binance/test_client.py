"""Binance's streams from a whole gateway, read by a client that nobody here wrote."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.gateway.conftest import RunningGateway, Start

QUOTE = {"bid": 6523456, "ask": 6523457, "bid_size": 1500, "ask_size": 2, "update_id": 7}


@asynccontextmanager
async def joined(running: RunningGateway, path: str) -> AsyncIterator[ClientConnection]:
    """A client of the stream at ``path``."""
    async with connect(f"ws://{running.host}:{running.port}/binance{path}") as socket:
        yield socket


async def told(socket: ClientConnection) -> Any:
    """The next message."""
    async with asyncio.timeout(10):
        return json.loads(await socket.recv())


async def ask(socket: ClientConnection, method: str, params: Any = None, command_id: Any = 1) -> Any:
    """The answer to a command."""
    await socket.send(json.dumps({"method": method, "params": params, "id": command_id}))
    return await told(socket)


async def test_a_raw_stream_brings_each_quote_as_binance_writes_it(start: Start) -> None:
    """The keys are Binance's, in its order, and numbers have eight decimals; nothing comes unasked."""
    running = await start()
    async with joined(running, "/ws/btcusdt@bookTicker") as socket:
        await running.publish("BTCUSDT", 1, **QUOTE)
        async with asyncio.timeout(10):
            assert (
                '{"u":7,"s":"BTCUSDT","b":"65234.56000000","B":"1.50000000","a":"65234.57000000","A":"0.00200000"}'
                == await socket.recv()
            )


async def test_a_combined_stream_wraps_each_message_with_its_name(start: Start) -> None:
    """A client that knows nothing else finds out which stream a message is of."""
    running = await start()
    async with joined(running, "/stream?streams=btcusdt@bookTicker/ethusdt%40bookTicker") as socket:
        await running.publish("ETHUSDT", 1, **QUOTE)
        message = await told(socket)
        assert ["stream", "data"] == list(message)
        assert ("ethusdt@bookTicker", "ETHUSDT") == (message["stream"], message["data"]["s"])


async def test_subscribe_and_the_others_are_answered_as_binance_does(start: Start) -> None:
    """Each answer has the id of its command, and is never wrapped."""
    running = await start()
    async with joined(running, "/stream/0") as socket:
        assert {"result": None, "id": "a"} == await ask(socket, "SUBSCRIBE", ["btcusdt@bookTicker"], "a")
        assert {"result": ["btcusdt@bookTicker"], "id": 2} == await ask(socket, "LIST_SUBSCRIPTIONS", None, 2)
        assert {"result": True, "id": None} == await ask(socket, "GET_PROPERTY", ["combined"], None)
        assert {"result": None, "id": 3} == await ask(socket, "UNSUBSCRIBE", ["btcusdt@bookTicker"], 3)
        answer = await ask(socket, "SUBSCRIBE", ["btcusdt@aggTrade"], 4)
        assert (2, 4) == (answer["error"]["code"], answer["id"])
        assert "btcusdt@aggTrade" in answer["error"]["msg"]
