"""The real poller against the local exchange, all the way to a client."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgpack
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.client import Client, connected
from tests.exchange.server import Exchange
from tests.integration.fronts import both_ways
from tests.integration.stacks import running, ws_url

pytestmark = pytest.mark.integration

SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """Run an exchange with a quote of every symbol."""
    async with Exchange(SYMBOLS) as exchange:
        for symbol in SYMBOLS:
            exchange.quote(symbol, bid="100.00000000", bid_size="1.00000000", ask="100.01000000", ask_size="2.00000000")
        yield exchange


def at(price: str) -> Decimal:
    """Read a price as the exchange writes it."""
    return Decimal(price)


def bid_of(client: Client, symbol: str) -> Decimal | None:
    """Return the newest bid that a client has; None before the first."""
    prices = client.prices[symbol]
    # A summary may come before the first quote: what the exchange did not give yet is absent.
    if not prices or "bid" not in prices[-1]:
        return None
    return Decimal(prices[-1]["bid"]).scaleb(-prices[-1]["price_scale"])


@pytest.mark.parametrize("feed", ["binance-ws", "binance-rest"])
async def test_what_the_exchange_says_reaches_the_client(exchange: Exchange, feed: str) -> None:
    """Each source brings the exchange's own numbers to a client, under its own name, and breaks no limit."""
    plan = both_ways(
        FEED=feed, SYMBOLS=",".join(SYMBOLS), BINANCE_REST_URL=exchange.rest_url, BINANCE_WS_URL=exchange.ws_url
    )
    async with running(plan) as stack, connected(ws_url(stack)) as client:
        await client.subscribe("*")
        await client.until(lambda client: client.status["feed"] == "live")
        assert feed == client.status["source"]
        for price in ("101.25000000", "99.99000000"):
            exchange.quote("BTCUSDT", bid=price, ask="102.00000000")
            await client.until(lambda client: bid_of(client, "BTCUSDT") == at(price))  # noqa: B023 # awaited in this turn of the loop
        await client.until(lambda client: "volume" in (client.prices["ETHUSDT"] or [{}])[-1])
    assert [] == exchange.violations


async def test_the_stream_falls_back_to_rest_and_returns(exchange: Exchange) -> None:
    """With the streams gone prices go on by REST, and say so; with everything gone they are stale; all comes back."""
    plan = both_ways(
        FEED="binance-ws",
        SYMBOLS=",".join(SYMBOLS),
        BINANCE_REST_URL=exchange.rest_url,
        BINANCE_WS_URL=exchange.ws_url,
    )
    async with running(plan) as stack, connected(ws_url(stack)) as client:
        await client.subscribe("*")
        await client.until(lambda client: (client.status["feed"], client.status["source"]) == ("live", "binance-ws"))
        exchange.faults.stream_status = 503
        exchange.drop()
        await client.until(lambda client: client.status["source"] == "binance-rest", within_s=30)
        exchange.quote("BTCUSDT", bid="103.50000000", ask="104.00000000")
        await client.until(lambda client: bid_of(client, "BTCUSDT") == at("103.5"))
        await exchange.refuse()
        exchange.drop_all()
        await client.until(lambda client: client.status["feed"] == "stale", within_s=30)
        assert client.status["reason"] != ""
        await exchange.accept()
        exchange.heal()
        await client.until(
            lambda client: (client.status["feed"], client.status["source"]) == ("live", "binance-ws"), within_s=60
        )
        exchange.quote("ETHUSDT", bid="98.00000000", ask="98.50000000")
        await client.until(lambda client: bid_of(client, "ETHUSDT") == at("98"))
        assert not client.closed
    assert [] == exchange.violations


@pytest.mark.parametrize("feed", ["binance-ws", "binance-rest"])
async def test_symbols_of_any_script(feed: str, tmp_path: Path) -> None:
    """What the exchange calls its symbols is what clients call them, in JSON and in MessagePack, alias and case too."""
    names = ["币安人生USDT", "BTC-USDT", "ETH/USD", "A_VERY_LONG.NAME:OF-SOMETHING"]
    listing = tmp_path / "symbols.txt"
    listing.write_text("\n".join(names), encoding="utf-8")
    async with Exchange(names) as exchange:
        for name in names:
            exchange.quote(name, bid="100.00000000", ask="100.01000000")
        plan = both_ways(
            FEED=feed, SYMBOLS=f"@{listing}", BINANCE_REST_URL=exchange.rest_url, BINANCE_WS_URL=exchange.ws_url
        )
        async with running(plan) as stack, connected(ws_url(stack)) as client:
            await client.subscribe("币安人生", "btc-usdt", *names[2:])
            await client.until(lambda client: all(bid_of(client, name) == at("100") for name in names), within_s=20)
            exchange.quote(names[0], bid="101.00000000", ask="102.00000000")
            await client.until(lambda client: bid_of(client, names[0]) == at("101"))
            async with connect(ws_url(stack), subprotocols=[Subprotocol("tickgate.v1.msgpack")]) as packed:
                await packed.send(msgpack.packb({"type": "subscribe", "symbols": ["币安人生usdt"]}))
                async with asyncio.timeout(30):
                    async for message in packed:
                        said = msgpack.unpackb(message)
                        if said["type"] == "snapshot":
                            break
            assert (names[0], 10100) == (said["symbol"], said["bid"])
        assert [] == exchange.violations
