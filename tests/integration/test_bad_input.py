"""Strangers and mistakes, over real sockets."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from redis.asyncio import Redis

from deploy.ports import Address
from market.wire.tick_batch import encode_batch
from tests.client import Client, connected
from tests.integration.fronts import both_ways
from tests.integration.stacks import http_status, running, ws_url

pytestmark = pytest.mark.integration

MAX_MESSAGE_BYTES = 262_144
WRONG = {
    "{": "bad_json",
    "[]": "bad_message",
    '{"type":7}': "bad_message",
    '{"type":"subscribe","symbols":"BTC"}': "bad_message",
    '{"type":"subscribe","symbols":["BTC"],"colour":"red"}': "bad_message",
    '{"type":"buy","symbols":["BTC"]}': "unknown_command",
    '{"type":"subscribe","symbols":["NOSUCH"]}': "unknown_symbol",
}
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def test_nobody_else_notices_what_one_client_or_the_bus_does_wrong() -> None:
    """Malformed messages, half frames, oversized frames and garbage on the bus leave a good client without a gap."""
    async with running(both_ways(MAX_MESSAGE_BYTES=str(MAX_MESSAGE_BYTES))) as stack, connected(ws_url(stack)) as good:
        await good.subscribe("*", conflate=False)
        (gateway,) = stack.plan.gateways
        async with asyncio.TaskGroup() as group:
            group.create_task(_talks_nonsense(ws_url(stack)))
            group.create_task(_sends_too_much(ws_url(stack)))
            group.create_task(_pollutes_the_bus(gateway.env["BUS_URL"]))
            for address in {stack.plan.front, gateway.listens[0]}:
                group.create_task(_never_finishes(address, HANDSHAKE[:-2]))
                half = HANDSHAKE + struct.pack("!BBH", 0x81, 0xFE, 4096) + b"mask{"
                group.create_task(_never_finishes(address, half))
                group.create_task(_never_finishes(address, os.urandom(4096)))
                group.create_task(_never_finishes(address, HANDSHAKE + b"\xff" * 64))
        marks = {symbol: good.newest_seq(symbol) for symbol in good.prices}
        await good.until(lambda client: all(client.newest_seq(symbol) > mark + 20 for symbol, mark in marks.items()))

        assert good.prices.keys() == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
        assert good.gaps() == []
        assert not good.closed
        assert good.count("error") == 0
        assert await http_status(f"http://{stack.plan.front}/readyz") == 200
        assert all(process.running for process in stack)


async def _talks_nonsense(url: str) -> None:
    async with connected(url) as client:
        for text, code in WRONG.items():
            await _send_and_expect(client, text, code)
        await _send_and_expect(client, b"\x00\x01", "wrong_frame")
        many = {"type": "subscribe", "symbols": [f"X{number}" for number in range(10_000)]}
        await _send_and_expect(client, orjson.dumps(many).decode(), "unknown_symbol")
        # A partly wrong subscribe gives what is right.
        await client.subscribe("NOSUCH", "eth", id=6)
        await client.until(lambda client: len(client.prices["ETHUSDT"]) > 3)
        await client.send({"type": "ping", "id": "still there"})
        await client.until(lambda client: any(one.get("id") == "still there" for one in client.messages))


async def _send_and_expect(client: Client, message: str | bytes, code: str) -> None:
    before = client.count("error")
    await client.send(message)
    await client.until(lambda client: client.count("error") > before)
    errors = [message for message in client.messages if message["type"] == "error"]
    assert errors[-1]["code"] == code, message
    assert errors[-1]["message"]


async def _sends_too_much(url: str) -> None:
    async with connected(url) as client:
        await client.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert await client.until_closed() == 1009


async def _pollutes_the_bus(bus_url: str) -> None:
    async with _redis(bus_url) as redis:
        for payload in (b"", b"{}", b"\xff\xfe", b"null", b"[" * 10_000, b'{"symbol":"ETHUSDT","seq":1}'):
            for channel in ("tick.BTCUSDT", "feed.status", "tick.NOSUCH", "0#batch.binance", "0#feed.status"):
                await redis.publish(channel, payload)
        tick = {"symbol": "ETHUSDT", "seq": 2**52, "price_scale": 2, "size_scale": 2, "recv_us": 1, "bid": 1, "ask": 2}
        # Somebody else's tick on this channel, and one whose numbers no client could hold.
        for its in (tick, tick | {"symbol": "BTCUSDT", "bid": 2**53}):
            payload = orjson.dumps(its)
            await redis.publish("tick.BTCUSDT", payload)
            await redis.publish("0#batch.binance", encode_batch("somebody", 0, [payload]))
        await redis.hset("ticks", "NOSUCH", b"nonsense")


async def _never_finishes(address: Address, data: bytes) -> None:
    """Send bytes that lead nowhere, and stay for a second or until thrown out."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(data)
        async with asyncio.timeout(1):
            while await reader.read(65536):
                pass
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()


@asynccontextmanager
async def _redis(url: str) -> AsyncIterator[Redis]:
    redis = Redis.from_url(url)
    try:
        yield redis
    finally:
        await redis.aclose()
