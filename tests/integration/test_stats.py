"""Figures of 24 hours: from an exchange over real processes to clients, to the digit, and through takeovers."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from signal import SIGKILL
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from market.wire.listings import decode_listing
from tests.client import Client, Message, connected
from tests.exchange.server import Exchange
from tests.integration.fronts import both_ways
from tests.integration.stacks import eventually, run_plan, running, ws_url

pytestmark = pytest.mark.integration
LONG = pytest.mark.long("poller", "gateway", "market", "deploy")

SYMBOLS = ("BTCUSDT", "ETHUSDT")
WORDS: dict[str, Any] = {
    "open": "0.10000000",
    "high": "1234567890.00000001",
    "low": "0.00000001",
    "volume": "0",
    "quote_volume": "12.340",
}
"""Numbers that no float has, and zeros that no number needs."""


def newest(client: Client, symbol: str = "BTCUSDT") -> Message:
    """The newest figures that a client has of a symbol; empty if it has none."""
    return next((one for one in reversed(client.received("stats")) if one["symbol"] == symbol), {})


def has(last: str, symbol: str = "BTCUSDT") -> Callable[[Client], bool]:
    """Whether the newest figures have this last price."""
    return lambda client: newest(client, symbol).get("last") == last


@pytest.mark.parametrize(
    ("feed", "figures"),
    [
        ("binance-ws", "few"),
        pytest.param("binance-ws", "all", marks=LONG),
        pytest.param("binance-rest", "few", marks=LONG),
    ],
)
async def test_every_digit_reaches_the_client(feed: str, figures: str) -> None:
    """In JSON and in MessagePack, alone and in batches; the quote's number comes with ticks of streams alone."""
    async with Exchange(SYMBOLS) as exchange:
        exchange.quote("BTCUSDT", bid="100.00000000", ask="100.01000000", last="100.5000", **WORDS)
        plan = both_ways(
            FEED=feed,
            POLLER_STATS=figures,
            SYMBOLS=",".join(SYMBOLS),
            BINANCE_REST_URL=exchange.rest_url,
            BINANCE_WS_URL=exchange.ws_url,
        )
        async with running(plan) as stack, connected(ws_url(stack)) as client:
            await client.send({"type": "subscribe", "channel": "stats", "symbols": ["BTC"], "id": 1})
            await client.subscribe("BTC")
            await client.until(lambda client: newest(client).get("open") == WORDS["open"])
            granted = [one for one in client.received("subscribed") if one.get("id") == 1]
            assert [{"type": "subscribed", "symbols": ["BTCUSDT"], "channel": "stats", "id": 1}] == granted
            for number in range(3):
                last = f"100.50{number}00"
                exchange.quote("BTCUSDT", last=last, bid=f"100.0000000{number}")
                await client.until(has(last))
                assert WORDS.items() <= newest(client).items()
            subprotocol = Subprotocol("tickgate.v1.msgpack")
            async with connect(f"ws://{plan.front}/ws", subprotocols=[subprotocol]) as other:
                command = {"type": "subscribe", "channel": "stats", "symbols": ["*"], "batch": True, "snapshot": False}
                await other.send(msgspec.msgpack.encode(command))
                exchange.quote("BTCUSDT", last="7.0")
                async with asyncio.timeout(30):
                    while (message := msgspec.msgpack.decode(await other.recv(decode=False)))["type"] != "stats_batch":
                        pass
                await client.until(has("7.0"))
                found = {one["symbol"]: one for one in message["stats"]}
                assert newest(client) == {"type": "stats"} | found["BTCUSDT"]
                # Only those of the streams have few.
                assert ("change_percent" in newest(client)) == ((feed, figures) != ("binance-ws", "few"))
            numbers = [price["update_id"] for price in client.prices["BTCUSDT"] if "update_id" in price]
            assert (numbers == sorted(numbers) != []) == (feed == "binance-ws")
            assert {"ETHUSDT"} & {one["symbol"] for one in client.received("stats")} == set()
            async with Redis.from_url(plan.poller.env["BUS_URL"]) as bus:
                assert set(map(str.encode, SYMBOLS)) == set(await bus.hkeys("statss"))
                stored = await bus.hget("instrumentss", "binance")
                assert isinstance(stored, bytes)
                listing = {its.symbol: its for its in decode_listing(stored).symbols}
                assert ("BTC", "USDT", "0.01000000") == (
                    listing["BTCUSDT"].base, listing["BTCUSDT"].quote, listing["BTCUSDT"].tick_size,
                )  # fmt: skip
    assert [] == exchange.violations


@LONG
async def test_figures_go_on_when_another_poller_takes_over() -> None:
    """A leader that is killed, and a bus that comes back empty: the figures are there again, and none is lost."""
    async with Exchange(SYMBOLS) as exchange:
        exchange.quote("BTCUSDT", last="1.0", **WORDS)
        plan = run_plan(
            FEED="binance-ws",
            SYMBOLS=",".join(SYMBOLS),
            BINANCE_REST_URL=exchange.rest_url,
            BINANCE_WS_URL=exchange.ws_url,
        )
        plan = replace(plan, gateways=(*plan.gateways, replace(plan.poller, name="second")))
        async with (
            running(plan) as stack,
            Redis.from_url(plan.poller.env["BUS_URL"]) as bus,
            connected(ws_url(stack)) as client,
        ):
            await client.send({"type": "subscribe", "channel": "stats", "symbols": ["*"]})
            await client.until(lambda client: has("1.0")(client) and newest(client, "ETHUSDT") != {})

            async def stands_by() -> bool:
                return bool(await bus.exists("standby.poller"))

            await eventually(stands_by, 30)
            owner = await bus.get("lease.poller")
            assert isinstance(owner, bytes)
            name = next(name for name in ("poller", "second") if stack[name].pid == int(owner.split(b":")[-2]))
            stack[name].send(SIGKILL)
            await client.until(lambda client: client.status.get("feed") == "live")
            exchange.quote("BTCUSDT", last="2.0")
            await client.until(has("2.0"), within_s=20)
            await bus.flushall()

            async def is_kept() -> bool:
                return set(map(str.encode, SYMBOLS)) == set(await bus.hkeys("statss"))

            await eventually(is_kept, 20)
            async with connected(ws_url(stack)) as newcomer:
                await newcomer.send({"type": "subscribe", "channel": "stats", "symbols": ["*"]})
                await newcomer.until(lambda client: has("2.0")(client) and newest(client, "ETHUSDT") != {})
            exchange.quote("BTCUSDT", last="3.0")
            await client.until(has("3.0"), within_s=20)
            # It was told of no figures that were older than what it had.
            times = [one["ts_us"] for one in client.received("stats") if one["symbol"] == "BTCUSDT"]
            assert times == sorted(times)
