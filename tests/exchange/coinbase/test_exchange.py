"""The local exchange does what the real one is known to do."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from msgspec import structs

from tests.exchange.coinbase import CoinbaseExchange, CoinbaseLimits
from tests.exchange.limits import Violation

ALL = ["level2_batch", "ticker", "heartbeat"]
LIMITS = CoinbaseLimits(heartbeat_s=0.05, batch_s=0.01)


@pytest.fixture
async def exchange() -> AsyncIterator[CoinbaseExchange]:
    """Run an exchange of two products."""
    async with CoinbaseExchange(["BTC-USD", "ETH-USD"], LIMITS) as exchange:
        yield exchange


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session of HTTP."""
    async with aiohttp.ClientSession() as session:
        yield session


def subscribe(*products: str, channels: list[str] = ALL, kind: str = "subscribe") -> str:
    """Write a request."""
    return json.dumps({"type": kind, "product_ids": products, "channels": channels})


async def told(socket: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """The next message of this type."""
    async with asyncio.timeout(10):
        while (message := await socket.receive_json())["type"] != kind:
            pass
    return message


async def test_products_are_listed(exchange: CoinbaseExchange, session: aiohttp.ClientSession) -> None:
    """With the steps of prices and sizes, and whether they are traded."""
    async with session.get(f"{exchange.rest_url}/products") as answer:
        rows = await answer.json()
    assert ["BTC-USD", "ETH-USD"] == [row["id"] for row in rows]
    assert ("0.01", "0.00000001", "online") == tuple(
        rows[0][name] for name in ("quote_increment", "base_increment", "status")
    )


async def test_a_subscription_is_answered_with_all_there_are(
    exchange: CoinbaseExchange, session: aiohttp.ClientSession
) -> None:
    """By channel; then come the whole book, the last trade and heartbeats, and what changes."""
    async with session.ws_connect(exchange.ws_url) as socket:
        await socket.send_str(subscribe("BTC-USD"))
        await told(socket, "subscriptions")
        book = await told(socket, "snapshot")
        assert ["100.00", "1.00000000"] == book["bids"][0]
        assert ["100.01", "2.00000000"] == book["asks"][0]
        assert "100.00" == (await told(socket, "ticker"))["price"]
        assert "BTC-USD" == (await told(socket, "heartbeat"))["product_id"]
        exchange.quote("BTC-USD", "99.99", "100.01", "4")
        changes = (await told(socket, "l2update"))["changes"]
        assert [["buy", "100.00", "0.00000000"], ["buy", "99.99", "4"], ["sell", "100.01", "4"]] == changes
        exchange.trade("BTC-USD", "99.99")
        assert "99.99" == (await told(socket, "ticker"))["price"]
        await socket.send_str(subscribe("ETH-USD", channels=["ticker"]))
        channels = (await told(socket, "subscriptions"))["channels"]
        assert {"name": "ticker", "product_ids": ["BTC-USD", "ETH-USD"]} in channels
        await socket.send_str(subscribe("BTC-USD", kind="unsubscribe"))
        assert [{"name": "ticker", "product_ids": ["ETH-USD"]}] == (await told(socket, "subscriptions"))["channels"]
    assert [] == exchange.violations


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (subscribe("BTC-USD", "NO-PE"), "NO-PE is not a valid product"),
        (subscribe("BTC-USD", channels=["full"]), "full is not a valid channel"),
        ("{", "malformed JSON"),
        ("[1]", "malformed JSON"),
    ],
)
async def test_what_cannot_be_subscribed_is_refused_as_a_whole(
    exchange: CoinbaseExchange, session: aiohttp.ClientSession, request_: str, reason: str
) -> None:
    """With one error, which says why."""
    async with session.ws_connect(exchange.ws_url) as socket:
        await socket.send_str(request_)
        error = await told(socket, "error")
        assert {"type": "error", "message": "Failed to subscribe", "reason": reason} == error
        assert not any(exchange.connections[0].subscribed.values())


async def test_who_subscribes_nothing_is_cut(session: aiohttp.ClientSession) -> None:
    """Within five seconds something must be."""
    async with CoinbaseExchange(["BTC-USD"], structs.replace(LIMITS, subscribe_within_s=0.1)) as exchange:
        async with session.ws_connect(exchange.ws_url) as socket:
            assert aiohttp.WSMsgType.CLOSED == (await socket.receive()).type
        assert ["idle"] == [its.rule for its in exchange.violations]


async def test_limits_are_kept_count_of(session: aiohttp.ClientSession) -> None:
    """Messages and connections in a second, and subscriptions of one product and channel."""
    limits = structs.replace(LIMITS, messages=2, connects=2, connect_window_s=60.0, subscriptions=1)
    async with CoinbaseExchange(["BTC-USD"], limits) as exchange:
        async with session.ws_connect(exchange.ws_url) as one, session.ws_connect(exchange.ws_url) as two:
            await one.send_str(subscribe("BTC-USD"))
            await told(one, "subscriptions")
            await two.send_str(subscribe("BTC-USD"))
            await told(two, "error")
            for _ in range(2):
                await two.send_str("{")
            await told(two, "error")
            await told(two, "error")
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(exchange.ws_url)
        assert {"subscriptions", "messages", "connects"} == {its.rule for its in exchange.violations}
        assert Violation("subscriptions", "level2_batch of BTC-USD") in exchange.violations


async def test_faults(exchange: CoinbaseExchange, session: aiohttp.ClientSession) -> None:
    """It is deaf, mute, out of order, away and back again on command."""
    exchange.rest_status = 503
    async with session.get(f"{exchange.rest_url}/products") as answer:
        assert (503, {"message": "out of order"}) == (answer.status, await answer.json())
    exchange.deaf = True
    async with session.ws_connect(exchange.ws_url) as socket:
        await socket.send_str(subscribe("BTC-USD"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await socket.receive()
        exchange.deaf = False
        exchange.silent.add("BTC-USD")
        await socket.send_str(subscribe("BTC-USD", "ETH-USD"))
        assert "ETH-USD" == (await told(socket, "snapshot"))["product_id"]
        assert "ETH-USD" == (await told(socket, "heartbeat"))["product_id"]
        exchange.say("what?")
        async with asyncio.timeout(10):
            while (await socket.receive()).data != "what?":
                pass
        await exchange.refuse()
        exchange.drop()
        async with asyncio.timeout(10):
            while (await socket.receive()).type != aiohttp.WSMsgType.CLOSED:
                pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.ws_connect(exchange.ws_url)
    await exchange.accept()
    async with session.get(f"{exchange.rest_url}/time") as answer:
        assert 200 == answer.status


async def test_by_hand_it_names_its_addresses() -> None:
    """``python -m tests.exchange.coinbase`` prints both addresses, and its prices walk."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.exchange.coinbase", "--changes-per-s", "200", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        urls = dict(part.split("=", 1) for part in line.split())
        async with aiohttp.ClientSession() as session, session.ws_connect(urls["COINBASE_WS_URL"]) as socket:
            await socket.send_str(subscribe("BTC-USD"))
            assert "BTC-USD" == (await told(socket, "l2update"))["product_id"]
        assert urls["COINBASE_REST_URL"].startswith("http://127.0.0.1:")
    finally:
        process.terminate()
        await process.wait()
