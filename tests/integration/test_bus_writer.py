"""Somebody who can write to the bus, and strangers of every kind who would like to write to the operator's terminal."""

import asyncio
import functools
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace

import aiohttp
import jwt
import orjson
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect

from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from market.prices.tick import MAX_EXACT, SEQ_AHEAD_MS
from market.prices.venues import venue_of
from market.wire.codec import encode_heartbeat, encode_tick
from market.wire.status import Changes
from market.wire.tick_batch import encode_batch
from tests.client import Client, connected
from tests.exchange.faults import Canned
from tests.exchange.server import Exchange
from tests.integration.faults import feeds, launched, tell, with_gateways
from tests.integration.quotes import plan_for
from tests.integration.stacks import cluster_plan, run_plan, running, ws_url
from tests.market.samples import heartbeat, status, tick
from tests.waiting import until

pytestmark = pytest.mark.integration

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
WITHIN_S = 30.0
"""Three seconds of ticks that are too low, or a poller's start and a lease of two seconds; no promise, only a guard."""

FRONTS = [
    pytest.param(run_plan, id="straight"),
    # The bus is behind the gateways: what stands before them changes nothing.
    pytest.param(
        cluster_plan,
        id="through HAProxy",
        marks=[pytest.mark.haproxy, pytest.mark.long("deploy", "gateway", "poller", "haproxy.cfg")],
    ),
]


def false_tick(symbol: str, seq: int) -> bytes:
    """A tick that its poller never sent."""
    return encode_tick(tick(symbol, seq, bid=1, ask=2, recv_us=3))


async def write_tick(bus: Redis, symbol: str, payload: bytes) -> None:
    """Publish it wherever a gateway may read ticks of ``symbol``: on its own channel, and alone in a batch."""
    await bus.publish(f"tick.{symbol}", payload)
    await bus.publish(f"0#batch.{venue_of(symbol)}", encode_batch("somebody", 0, [payload]))


def within_the_day() -> int:
    """A seq that can be right, and is above all that a poller gives for hours."""
    return time.time_ns() // 1_000_000 + SEQ_AHEAD_MS - 60_000


@pytest.mark.parametrize("plan_of", FRONTS)
async def test_one_write_silences_nothing_for_good(plan_of: Callable[..., Plan]) -> None:
    """Numbers, values, keys and leases that nobody should have written: every symbol goes on within seconds.

    One that was not touched loses no tick, and nobody is disconnected.
    """
    plan = plan_of(FEED="simulated", SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S="60")
    async with (
        running(plan) as stack,
        Redis.from_url(plan.poller.env["BUS_URL"]) as bus,
        connected(ws_url(stack)) as client,
    ):
        await client.subscribe("*", conflate=False)
        await client.until(lambda client: client.status.get("feed") == "live" and len(client.prices) == 3)

        async def publish_high() -> None:
            await write_tick(bus, "BTCUSDT", false_tick("BTCUSDT", within_the_day()))
            for seq in (MAX_EXACT, within_the_day() + 120_000):
                await write_tick(bus, "SOLUSDT", false_tick("SOLUSDT", seq))
                await bus.hset("ticks", "SOLUSDT", false_tick("SOLUSDT", seq))

        tell("a seq a day ahead", current=await _seconds_until_current(client, publish_high))
        (falls,) = [(symbol, after) for symbol, before, after in client.gaps() if after < before]
        assert falls[0] == "BTCUSDT"
        assert {"BTCUSDT"} == {symbol for symbol, _, _ in client.gaps()}
        assert "stale" not in feeds(client)[feeds(client).index("live") :]

        async def poison_all(*words: str | bytes) -> None:
            await stack.stop_one("poller")
            await bus.delete("ticks", "lease.poller")
            await bus.execute_command(*words)  # type: ignore[no-untyped-call] # redis-py does not type it
            await stack.start_one("poller")

        poisons: dict[str, tuple[str | bytes, ...]] = {
            "last values of 2^53 - 1": ("HSET", "ticks", *_every_symbol(MAX_EXACT)),
            "a lease without end": ("SET", "lease.poller", "nobody"),
        }
        if plan.haproxy is None:
            # What is in front makes no difference to these.
            poisons |= {
                "last values of a day ahead": ("HSET", "ticks", *_every_symbol(within_the_day())),
                "last values that are no hash": ("RPUSH", "ticks", "x"),
                "a lease that is no string": ("RPUSH", "lease.poller", "x"),
                "a last value of 50 MB": ("HSET", "ticks", "BTCUSDT", b"x" * 50_000_000),
            }
        for what, words in poisons.items():
            tell(what, current=await _seconds_until_current(client, functools.partial(poison_all, *words)))
            assert all(client.newest_seq(symbol) <= time.time_ns() // 1_000_000 + SEQ_AHEAD_MS for symbol in SYMBOLS)
        assert not client.closed


def _every_symbol(seq: int) -> Iterator[str | bytes]:
    for symbol in SYMBOLS:
        yield symbol
        yield false_tick(symbol, seq)


async def _seconds_until_current(client: Client, after: Callable[[], Awaitable[None]]) -> float:
    """Do it; the seconds until the client has ten more ticks of every symbol, each one above the one before."""
    await after()
    began = asyncio.get_running_loop().time()
    marks = {symbol: len(client.prices[symbol]) for symbol in SYMBOLS}

    def is_current(client: Client) -> bool:
        newest = [client.prices[symbol][marks[symbol] :][-10:] for symbol in SYMBOLS]
        return all(
            len(prices) == 10 and all(two["seq"] == one["seq"] + 1 for one, two in itertools.pairwise(prices))
            for prices in newest
        )

    await client.until(is_current, WITHIN_S)
    return asyncio.get_running_loop().time() - began


@pytest.mark.parametrize("plan_of", FRONTS)
@pytest.mark.parametrize("symbol", ["FALSEUSDT", "coinbase:FALSE-USD"], ids=["in a batch", "on its own channel"])
async def test_only_canonical_ticks_reach_a_client(plan_of: Callable[..., Plan], symbol: str) -> None:
    """What is padded, says a thing twice or more than a tick is encoded anew; what is far too long goes nowhere.

    A venue whose poller announces batches is read by those, one without a poller by the channels of its symbols.
    """
    plan = plan_of(FEED="simulated")
    served = {"SYMBOLS": f"{plan.poller.env['SYMBOLS']},{symbol}"}
    if plan.haproxy is None:
        plan = with_gateways(plan, gateway=served)
    else:
        gateways = tuple(replace(gateway, env={**gateway.env, **served}) for gateway in plan.gateways)
        plan = replace(plan, gateways=gateways)
    async with running(plan) as stack, Redis.from_url(plan.poller.env["BUS_URL"]) as bus:
        url = f"ws://{stack.plan.gateways[0].listens[0]}/ws" if plan.haproxy is None else ws_url(stack)
        async with connect(url) as socket:
            await socket.send(json.dumps({"type": "subscribe", "symbols": [symbol]}))
            while json.loads(await socket.recv())["type"] != "subscribed":
                pass
            seq = time.time_ns() // 1_000_000
            await _until_read(bus, socket, symbol, seq)
            seq += 60_000
            plain = [false_tick(symbol, seq + number) for number in range(6)]
            for payload in (
                plain[0],
                b" \n{ " + plain[1][1:-1].replace(b",", b" ,\t") + b"}" + b" " * 500,
                b'{"bid":7,"seq":9,"type":"welcome",' + plain[2][1:],
                plain[3] + b" " * 3_000_000,
                plain[3][:-1] + b',"pad":"' + b"x" * 1000 + b'"}',
                plain[4][:-1] + b',"mood":{"bid":[5,{}]}}',
                plain[5].replace(b"FALSE", rb"\u0046ALSE"),
            ):
                await write_tick(bus, symbol, payload)
            # A batch bounds its ticks together; alone, a tick may have 1 KB.
            passed = (0, 1, 2, 4, 5) if ":" in symbol else range(6)
            async with asyncio.timeout(30):
                got = [await anext(_ticks(socket)) for _ in passed]
        assert [b'{"type":"tick",' + plain[number][1:] for number in passed] == got


async def _until_read(bus: Redis, socket: ClientConnection, symbol: str, seq: int) -> None:
    """Write ticks where the gateway should read those of ``symbol`` until it does, and the last one has arrived."""
    arrived = asyncio.ensure_future(anext(_ticks(socket)))
    while not arrived.done():
        seq += 1
        payload = false_tick(symbol, seq)
        if ":" in symbol:
            await bus.publish(f"tick.{symbol}", payload)
        else:
            await bus.publish(f"0#batch.{venue_of(symbol)}", encode_batch("somebody", 0, [payload]))
        await asyncio.wait([arrived], timeout=0.05)
    last = encode_tick(tick(symbol, seq, bid=1, ask=2, recv_us=3))
    frame = arrived.result()
    while frame != b'{"type":"tick",' + last[1:]:
        frame = await anext(_ticks(socket))


async def _ticks(socket: ClientConnection) -> AsyncIterator[bytes]:
    while True:
        frame = await socket.recv(decode=False)
        if b"FALSE" in frame and b'"type":"tick"' in frame[:15]:
            yield frame


POISON = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n2026-01-01 00:00:00.000 INFO    gateway: all is well\u202e\u2028\x00"
SECRET = "0123456789" * 4


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_nothing_that_a_stranger_writes_reaches_the_terminal_as_it_is(log_format: str) -> None:
    """Names, reasons and sources on the bus, words of the exchange, and headers, paths and subjects of clients."""
    async with Exchange(["BTCUSDT", "ETHUSDT"]) as exchange:
        listing = exchange.market.listings["ETHUSDT"]
        exchange.market.enlist("ETHUSDT", {**listing, "status": POISON})
        plan = plan_for(
            exchange,
            ["BTCUSDT", "ETHUSDT"],
            LOG_LEVEL="DEBUG",
            LOG_FORMAT=log_format,
            AUTH_MODE="jwt",
            JWT_SECRET=SECRET,
            ALLOWED_ORIGINS="https://app.example.com",
        )
        async with launched(plan) as (stack, lines):
            await _write_to_the_bus(plan)
            await _knock(stack)
            await _misbehave(exchange)

            shown = r"\x1b[2J" if log_format == "console" else r"\u001b[2J"
            await until(lambda: any(shown in line for line in lines["gateway"]))
            # The poller's reasons have blanks in place of what cannot be printed.
            await until(lambda: any("]0;owned" in line for line in lines["poller"]))
            await until(lambda: any("HTTP 451" in line for line in lines["poller"]))
        for name in ("poller", "gateway"):
            assert lines[name]
            assert [line for line in lines[name] if not line.isprintable()] == []
            assert [line for line in lines[name] if line.startswith("2026-01-01")] == []


async def _write_to_the_bus(plan: Plan) -> None:
    async with Redis.from_url(plan.poller.env["BUS_URL"]) as bus:
        changes = Changes(version=2, since=1, symbols=[status("BTCUSDT", reason=POISON), status(POISON[:60])])
        for payload in (
            encode_heartbeat(heartbeat(source=POISON[:40], reason=POISON, link="down")),
            encode_heartbeat(heartbeat(reason=POISON, states=changes)),
            POISON.encode(),
            encode_heartbeat(heartbeat()).replace(b'"up"', orjson.dumps(POISON)),
        ):
            for channel in ("feed.status", "0#feed.status"):
                await bus.publish(channel, payload)
        for payload in (POISON.encode(), false_tick(POISON[:60], 5), false_tick("BTCUSDT", MAX_EXACT)):
            await write_tick(bus, "BTCUSDT", payload)
            await bus.hset("ticks", POISON, payload)
        await bus.set("states", POISON)


async def _knock(stack: Stack) -> None:
    address = stack.plan.front
    raw = POISON.replace("\r\n", " ").replace("\x00", "").encode()
    # aiohttp's client would not send such headers.
    for request in (
        b"GET /" + raw.replace(b" ", b"") + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://" + raw + b"\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: " + raw + b"\r\nUser-Agent: " + raw + b"\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + raw + b"\r\n\r\n",
        raw + b"\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(request)
        await reader.read(1000)
        writer.close()
    url = f"http://{address}/ws"
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        await _talk(url, subject=POISON)
    await _talk(url, subject="somebody")


async def _talk(url: str, subject: str) -> None:
    token = jwt.encode({"sub": subject, "symbols": "*", "exp": time.time() + 60}, SECRET)
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.ws_connect(url) as socket,
    ):
        await socket.send_str('{"type":"auth","token":' + json.dumps(POISON) + "}")
        await socket.send_str('{"type":"subscribe","symbols":[' + json.dumps(POISON[:30]) + "]}")
        await socket.receive()
        await socket.close(message=POISON.encode()[:100])


async def _misbehave(exchange: Exchange) -> None:
    words = POISON.encode()
    exchange.say(POISON)
    exchange.say(json.dumps({"stream": POISON, "data": {"s": POISON, "b": POISON}}))
    exchange.say(json.dumps({"error": {"code": 1, "msg": POISON}, "id": 1}))
    exchange.faults.stream_status, exchange.faults.stream_body = 451, words
    exchange.faults.canned.append(Canned(451, b"<title>" + words + b"</title>"))
    exchange.drop()
