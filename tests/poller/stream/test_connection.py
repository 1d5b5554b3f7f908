"""Every fault that one connection can have, told and recovered from."""

import asyncio
import json
import random
from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from poller.coverage.source import StreamSource
from poller.network.endpoints import Endpoints
from poller.venues.binance.streams import BinanceStreams
from tests.exchange import Exchange
from tests.poller.listening import (
    LIMITS,
    REST,
    STREAM_LIMITS,
    STREAMS,
    arrived,
    bids,
    eventually,
    heeding,
    listening,
    new_ws,
    now_us,
)

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; a broken limit fails the test."""
    async with Exchange(SYMBOLS, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        yield exchange
        assert [] == exchange.violations


async def test_pings_are_answered_in_time() -> None:
    """Every ping gets a pong with its payload, so the connection outlives the exchange's patience many times."""
    limits = structs.replace(LIMITS, ping_s=0.15, pong_timeout_s=0.45)
    async with Exchange(SYMBOLS, limits) as exchange:
        async with listening(new_ws(exchange, SYMBOLS)):
            await eventually(lambda: exchange.connections and exchange.connections[0].pongs >= 6)
            assert 1 == len(exchange.connections)
        assert [] == exchange.violations


async def test_pongs_go_before_subscribes() -> None:
    """A ping that comes amid many SUBSCRIBEs is answered before the rest of them."""
    symbols = [f"S{number}USDT" for number in range(40)]
    limits = structs.replace(LIMITS, ping_s=0.16, pong_timeout_s=0.6)
    async with Exchange(symbols, limits) as exchange:
        source = new_ws(exchange, symbols, streams_per_message=10)
        async with listening(source):
            await eventually(lambda: source.state.link == "up")
        connection = exchange.connections[0]
        after = [message.kind for message in connection.received if message.at >= connection.pinged[0]]
        # One SUBSCRIBE may have been on its way.
        assert "pong" in after[:2]
        assert "text" in after[2:]
        assert [] == exchange.violations


async def test_a_flood_of_pings_does_not_break_the_pace(exchange: Exchange) -> None:
    """Pings faster than messages are allowed get pongs at the allowed pace, to the newest of them."""
    limits = structs.replace(LIMITS, ping_s=0.005, pong_timeout_s=5.0)
    async with Exchange(SYMBOLS, limits) as exchange:
        async with listening(new_ws(exchange, SYMBOLS)):
            await eventually(lambda: exchange.connections and len(exchange.connections[0].received) >= 10)
        assert [] == exchange.violations


@pytest.mark.parametrize("pings", [True, False])
async def test_quiet_market_is_no_fault_of_the_connection(exchange: Exchange, pings: bool) -> None:
    """As long as its server pings, or answers our pings, a connection on which no price comes is alive."""
    limits = structs.replace(LIMITS, ping_s=0.1 if pings else 30.0)
    async with Exchange(SYMBOLS, limits) as exchange:
        source = new_ws(exchange, SYMBOLS, quiet_s=0.4)
        async with heeding(source) as listener:
            await eventually(lambda: source.state.link == "up")
            connection = exchange.connections[0]
            messages = source.counters["messages"]
            kind = "pong" if pings else "ping"
            await eventually(lambda: sum(message.kind == kind for message in connection.received) >= 6)
            assert ("up", messages) == (source.state.link, source.counters["messages"])
            exchange.quote("BTCUSDT", bid="7.00000000")
            await eventually(lambda: source.counters["messages"] == messages + 1)
        assert (1, {}) == (len(exchange.connections), listener.was_lacking)
        assert [] == exchange.violations


async def test_deaf_connection_is_replaced(exchange: Exchange) -> None:
    """A connection that stays open and answers nothing, not even pings, is given up after the quiet time."""
    source = new_ws(exchange, SYMBOLS, quiet_s=0.4)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.connections[0].deaf = exchange.connections[0].quiet = True
        await eventually(lambda: "nothing received for 0.4 s" in source.state.reason)
        await eventually(lambda: source.counters["reconnects"] >= 1 and source.state.link == "up")
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(updates, "BTCUSDT", "7.00000000")
    assert "ping" in {message.kind for message in exchange.connections[0].received}


async def test_an_exchange_that_answers_no_ping_lives_by_its_own() -> None:
    """One connection is given up for it; then silence means nothing until the exchange's own pings stay away."""
    async with Exchange(SYMBOLS, structs.replace(LIMITS, ping_s=0.6)) as exchange:
        exchange.faults.ignore_pings = True
        source = new_ws(exchange, SYMBOLS, quiet_s=0.2, silent_s=1.5)
        async with listening(source):
            await eventually(lambda: len(exchange.connections) > 1 and len(exchange.connections[1].pinged) >= 5)
            assert 2 == len(exchange.connections)
            exchange.connections[1].deaf = exchange.connections[1].quiet = True
            await eventually(lambda: "nothing received for 1.5 s" in source.state.reason)


async def test_half_a_frame_is_recovered_from(exchange: Exchange) -> None:
    """A message that begins and never ends is no life; the connection is replaced."""
    source = new_ws(exchange, SYMBOLS, quiet_s=0.4)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.connections[0].half_frame()
        exchange.connections[0].deaf = True
        await eventually(lambda: source.counters["reconnects"] >= 1 and source.state.link == "up")
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(updates, "BTCUSDT", "7.00000000")


async def test_symbols_added_and_removed_on_a_live_connection(exchange: Exchange) -> None:
    """New symbols are subscribed on it and removed ones are not any more; late words of those are nothing strange."""
    async with Exchange(["BTCUSDT", "ETHUSDT", "SOLUSDT"], structs.replace(LIMITS, weight=1_000_000)) as exchange:
        source = new_ws(exchange, SYMBOLS)
        async with heeding(source) as listener:
            await eventually(lambda: source.state.link == "up")
            source.serve(["SOLUSDT", "BTCUSDT"])
            exchange.quote("ETHUSDT", bid="6.00000000")
            expected = {f"{name}@{kind}" for name in ("btcusdt", "solusdt") for kind in ("bookTicker", "miniTicker")}
            await eventually(lambda: set(exchange.connections[0].streams) == expected)
            await eventually(lambda: ("SOLUSDT", "trading") in [(its, how.status) for its, how in listener.listings])
            await arrived(listener.updates, "SOLUSDT", "100.00000000")
            exchange.quote("SOLUSDT", bid="7.00000000")
            await arrived(listener.updates, "SOLUSDT", "7.00000000")
            assert "6.00000000" not in bids(listener.updates, "ETHUSDT")
        assert (1, 0) == (len(exchange.connections), source.counters["malformed"])
        assert [] == exchange.violations


async def test_streams_of_a_symbol_in_another_script() -> None:
    """It is subscribed in lower case as far as there is one, within the bytes of a request, and heard."""
    symbols = ["BTCUSDT", *(f"币安人生{number}号USDT" for number in range(120))]
    async with Exchange(symbols, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        source = new_ws(exchange, symbols)
        async with listening(source) as updates:
            await eventually(lambda: source.state.link == "up")
            exchange.quote(symbols[-1], bid="7.00000000")
            await arrived(updates, symbols[-1], "7.00000000")
        assert max(message.size for message in exchange.connections[0].received) <= 4096
        assert [] == exchange.violations


@pytest.mark.parametrize(
    "error",
    [
        '{"code":2,"msg":"Invalid request: something"}',
        '{"code":3,"msg":"Invalid JSON: something"}',
        '{"error":{"code":4,"msg":"Too many subscriptions"},"id":ID}',
    ],
)
async def test_refused_subscribe_is_tried_again(exchange: Exchange, error: str) -> None:
    """Each form of error is counted, and the same connection asks again until it is granted."""
    exchange.faults.subscribe_errors += [error, error]
    source = new_ws(exchange, SYMBOLS)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
    assert 2 == source.counters["subscribe_errors"]
    assert 1 == len(exchange.connections)


async def test_ignored_subscribe_is_tried_again(exchange: Exchange) -> None:
    """A SUBSCRIBE without an answer is repeated after the reply timeout."""
    exchange.faults.ignore_subscribe = True
    source = new_ws(exchange, SYMBOLS, reply_timeout_s=0.2)
    async with listening(source):
        await eventually(lambda: source.counters["subscribe_errors"] >= 2)
        exchange.heal()
        await eventually(lambda: source.state.link == "up")
    assert 1 == len(exchange.connections)


async def test_subscribes_never_granted_end_the_connection(exchange: Exchange) -> None:
    """A connection that does not become ready in time is given up, and REST brings the prices meanwhile."""
    exchange.faults.ignore_subscribe = True
    source = new_ws(exchange, SYMBOLS, reply_timeout_s=0.1, ready_timeout_s=0.3, grace_s=0.05)
    async with listening(source):
        await eventually(lambda: len(exchange.connections) >= 2 and source.state.source == "binance-rest")
        await eventually(lambda: "subscriptions not granted" in source.state.reason)
        exchange.heal()
        await eventually(lambda: source.state.source == "binance-ws")


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "{",
        "[]",
        "null",
        '{"stream":"btcusdt@bookTicker","data":{"u":"1","s":"BTCUSDT"}}',
        '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":60000.01}}',
        '{"stream":"btcusdt@miniTicker","data":{"E":null,"s":"BTCUSDT"}}',
        '{"stream":"btcusdt@depth","data":{}}',
        json.dumps(
            {"stream": "x@bookTicker", "data": {"u": 1, "s": "DOGEUSDT", "b": "1", "B": "1", "a": "1", "A": "1"}}
        ),
    ],
)
async def test_bad_messages_cost_nothing_but_a_count(exchange: Exchange, text: str) -> None:
    """Not JSON, wrong types, unknown streams and symbols: counted; the connection and its prices go on."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.say(text)
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(updates, "BTCUSDT", "7.00000000")
        await eventually(lambda: set(SYMBOLS) == {update.symbol for update in updates})
    assert (1, 0) == (source.counters["malformed"], source.counters["reconnects"])


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, b"<html><title>403 Forbidden</title>", "no connection: HTTP 403: 403 Forbidden"),
        (451, b'{"code":0,"msg":"Not from here"}', "no connection: HTTP 451: Not from here"),
        (503, b"", "no connection: HTTP 503"),
        (200, b"<title>Log in</title>", "no connection: HTTP 200: Log in"),
    ],
)
async def test_a_refused_handshake_is_reported_in_its_own_words(
    exchange: Exchange, status: int, body: bytes, expected: str
) -> None:
    """Status, and message or title, are the reason for as long as it lasts."""
    exchange.faults.stream_status, exchange.faults.stream_body = status, body
    source = new_ws(exchange, SYMBOLS)
    async with listening(source):
        await eventually(lambda: source.state.reason.startswith(f"stream down: {expected}"))
        await eventually(lambda: source.counters["connects"] >= 4)
        assert source.state.reason.startswith(f"stream down: {expected}")
        exchange.heal()
        await eventually(lambda: (source.state.link, source.state.reason) == ("up", ""))


async def test_a_close_is_reported_with_its_code_and_text(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    """What the exchange says at the end is what people read."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        await exchange.connections[0].close(1008, "Too many\nrequests")
        await eventually(lambda: "closed by the exchange (1008: Too many requests)" in caplog.text)
        await eventually(lambda: source.counters["reconnects"] and source.state.reason == "")


async def test_streams_that_are_told_to_wait_wait(exchange: Exchange) -> None:
    """After a 429 no stream connects before its time, and the reason is told until then."""
    exchange.faults.stream_status, exchange.faults.stream_headers = 429, {"Retry-After": "1"}
    source = new_ws(exchange, SYMBOLS)
    async with listening(source):
        await eventually(lambda: "HTTP 429, asked to wait 1 s" in source.state.reason)
        exchange.heal()
        told = asyncio.get_running_loop().time()
        await eventually(lambda: source.state.reason == "")
        assert asyncio.get_running_loop().time() - told >= 0.9
    assert 2 == source.counters["connects"]


@pytest.mark.parametrize("fault", ["refused", "503", "silent"])
async def test_streams_have_other_urls(exchange: Exchange, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """Where one does not serve the next is tried, for all connections, and the log says which is used."""
    async with Exchange(SYMBOLS, LIMITS) as broken:
        match fault:
            case "refused":
                await broken.refuse()
            case "503":
                broken.faults.stream_status = 503
            case "silent":
                broken.faults.ignore_subscribe = True
        source = StreamSource(
            SYMBOLS,
            BinanceStreams(exchange.rest_url, structs.replace(STREAM_LIMITS, symbols_per_connection=1)),
            Endpoints("streams", [broken.ws_url, exchange.ws_url]),
            now_us=now_us,
            rng=random.Random(1),
            timing=structs.replace(STREAMS, ready_timeout_s=0.3, reply_timeout_s=0.1),
            rest_timing=REST,
        )
        async with listening(source):
            await eventually(lambda: (source.state.link, source.state.reason) == ("up", ""))
    assert f"streams: {exchange.ws_url} is used now, in place of {broken.ws_url}" in caplog.text
