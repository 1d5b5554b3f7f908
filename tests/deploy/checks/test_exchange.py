"""What is said of the exchange: a local one, in all its moods."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from deploy.checks.exchange import check_exchange
from deploy.checks.finding import Finding
from deploy.ports import free_port
from poller.settings import PollerSettings
from tests.exchange import Canned, Exchange

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """One that lists the default symbols."""
    async with Exchange(SYMBOLS) as its:
        yield its


def settings(exchange: Exchange, **variables: str) -> PollerSettings:
    """A poller's, for that exchange."""
    urls = {"BINANCE_REST_URL": exchange.rest_url, "BINANCE_WS_URL": exchange.ws_url}
    return PollerSettings.from_environ({**urls, **variables})


def marks(findings: list[Finding]) -> list[tuple[str, str]]:
    """Mark and subject of each."""
    return [(its.mark, its.subject) for its in findings]


async def test_everything_works(exchange: Exchange) -> None:
    """It answers, the clocks agree, all symbols are traded, and a stream opens."""
    rest, symbols, streams = await check_exchange(settings(exchange))
    assert [("ok", "exchange"), ("ok", "symbols"), ("ok", "streams")] == marks([rest, symbols, streams])
    assert f"{exchange.rest_url} answers; the clocks differ by" in rest.text
    assert "3 of 3 are listed and traded" == symbols.text
    assert [] == exchange.violations


async def test_a_clock_that_is_off(exchange: Exchange) -> None:
    """By more than a second, ahead or behind."""
    ahead, *_ = await check_exchange(settings(exchange), lambda: time.time() + 90)
    behind, *_ = await check_exchange(settings(exchange), lambda: time.time() - 90)
    assert ("warning", "warning") == (ahead.mark, behind.mark)
    assert "90.0 s ahead of its" in ahead.text or "89.9 s ahead of its" in ahead.text
    assert " s behind its" in behind.text
    assert "NTP" in ahead.fix


async def test_symbols_that_are_not_listed_halted_or_all_wrong(exchange: Exchange) -> None:
    """Each is named; where none is listed, the exchange's own list says what may be meant."""
    _, unknown, traded, _ = await check_exchange(settings(exchange, SYMBOLS="BTCUSDT,NOSUCHUSDT"))
    assert ("wrong", True) == (unknown.mark, "NOSUCHUSDT" in unknown.text)
    assert "1 of 2" in traded.text
    _, none, _ = await check_exchange(settings(exchange, SYMBOLS="BTCUSD"))
    assert ("wrong", "did you mean BTCUSDT?") == (none.mark, none.fix)
    exchange.market.set_status("SOLUSDT", "BREAK")
    _, halted, _, _ = await check_exchange(settings(exchange))
    assert ("warning", "SOLUSDT: halted; expect no prices") == (halted.mark, halted.text)


@pytest.mark.parametrize(
    ("canned", "said", "fix"),
    [
        (Canned(418, b'{"code":-1003,"msg":"IP banned"}', {"Retry-After": "60"}), "has banned this address", "wait"),
        (Canned(429, b"", {"Retry-After": "60"}), "has banned this address", "ask less"),
        (
            Canned(451, b'{"code":0,"msg":"Service unavailable from a restricted location"}'),
            "does not serve this machine, or its country: HTTP 451: Service unavailable from a restricted location",
            "BINANCE_REST_URL",
        ),
        (Canned(403, b"<html><title>403 Forbidden</title></html>"), "HTTP 403: 403 Forbidden", "proxy"),
        (Canned(503, b"maintenance"), "is out of order: HTTP 503: maintenance", "wait"),
        (Canned(404, b""), "not as the exchange does: HTTP 404", "BINANCE_REST_URL"),
    ],
)
async def test_what_a_refusal_means(exchange: Exchange, canned: Canned, said: str, fix: str) -> None:
    """A ban, a blocked region and an outage are told apart, in words; what was named by hand is wrong then."""
    exchange.faults.canned.append(canned)
    for feed, mark in (("auto", "warning"), ("binance-ws", "wrong")):
        found, *_ = await check_exchange(settings(exchange, FEED=feed))
        assert mark == found.mark
        assert said in found.text
        assert fix in found.fix


async def test_streams_that_are_refused(exchange: Exchange) -> None:
    """Their handshake may be refused alone; prices come by REST then."""
    exchange.faults.stream_status, exchange.faults.stream_body = 451, b'{"msg":"restricted location"}'
    *_, streams = await check_exchange(settings(exchange))
    assert ("warning", "streams") == (streams.mark, streams.subject)
    assert "or its country: HTTP 451: restricted location" in streams.text
    assert "BINANCE_WS_URL" in streams.fix


async def test_nobody_there() -> None:
    """With `auto` prices would be simulated; a feed that was named is wrong."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    urls = {"BINANCE_REST_URL": nowhere, "BINANCE_WS_URL": nowhere.replace("http", "ws")}
    rest, simulated, streams = await check_exchange(PollerSettings.from_environ(urls))
    assert [("warning", "exchange"), ("warning", "exchange"), ("warning", "streams")] == marks(
        [rest, simulated, streams]
    )
    assert "simulated" in simulated.text
    assert f"{nowhere} cannot be reached: Connection refused" == rest.text
    rest, _ = await check_exchange(PollerSettings.from_environ({**urls, "FEED": "binance-ws"}))
    assert "wrong" == rest.mark


async def test_a_second_address_that_answers(exchange: Exchange) -> None:
    """The first is a warning then: prices come."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    its = settings(exchange, BINANCE_REST_URL=f"{nowhere},{exchange.rest_url}", FEED="binance-rest")
    assert [("warning", "exchange"), ("ok", "exchange"), ("ok", "symbols")] == marks(await check_exchange(its))


@pytest.mark.parametrize("feed", ["simulated", f"replay:{__file__}"])
async def test_nobody_is_asked_where_nobody_is_needed(feed: str) -> None:
    """Simulated and recorded prices need no exchange."""
    (found,) = await check_exchange(PollerSettings.from_environ({"FEED": feed}))
    assert "ok" == found.mark


async def test_another_venue() -> None:
    """Coinbase's clock is in seconds, and its list is of products."""

    async def epoch(_: web.Request) -> web.Response:
        return web.json_response({"iso": "x", "epoch": time.time()})

    async def products(_: web.Request) -> web.Response:
        return web.json_response([])

    app = web.Application()
    app.add_routes([web.get("/time", epoch), web.get("/products", products)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        urls = {"COINBASE_REST_URL": f"http://127.0.0.1:{port}", "COINBASE_WS_URL": f"ws://127.0.0.1:{port}"}
        async with asyncio.timeout(5):
            rest, symbols, streams = await check_exchange(PollerSettings.from_environ({"VENUE": "coinbase", **urls}))
    finally:
        await runner.cleanup()
    assert [("ok", "exchange"), ("warning", "symbols"), ("warning", "streams")] == marks([rest, symbols, streams])
