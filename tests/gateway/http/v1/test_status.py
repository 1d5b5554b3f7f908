"""Whether prices are live: ``GET /v1/status``."""

import time

from msgspec.json import decode as loads

from gateway.http.v1.status import VenueStatus
from gateway.protocol.messages import Status
from market.prices.symbols import parse_symbols
from tests.gateway.conftest import Start
from tests.gateway.http.test_routes import JWT, ask, bearing
from tests.waiting import until


async def test_each_venue_says_whether_its_prices_are_live(start_anyhow: Start) -> None:
    """And all together do, if every one does."""
    running = await start_anyhow(symbols=parse_symbols("BTCUSDT,coinbase:BTC-USD"))
    before = time.time_ns() // 1000
    await running.heartbeat(source="binance-ws")
    await until(lambda: running.gateway.feed.live_venues()["binance"])
    status, headers, body = await ask(running, "GET", "v1/status")
    assert (200, "no-store") == (status, headers["Cache-Control"])
    told = loads(body)
    assert ("stale", ["binance", "coinbase"]) == (told["feed"], [one["venue"] for one in told["venues"]])
    assert before <= told["server_us"]
    binance, coinbase = told["venues"]
    assert ("live", "binance-ws") == (binance["feed"], binance["source"])
    assert ("stale", True) == (coinbase["feed"], bool(coinbase["reason"]))
    await running.heartbeat(source="coinbase-ws", venue="coinbase")
    await until(lambda: running.gateway.feed.live)
    assert "live" == loads((await ask(running, "GET", "v1/status"))[2])["feed"]


async def test_where_tokens_are_asked_for_it_needs_one(start_anyhow: Start) -> None:
    """Probes have paths of their own."""
    running = await start_anyhow(auth=JWT)
    assert [401, 200] == [(await ask(running, "GET", "v1/status", **proof))[0] for proof in ({}, bearing())]


def test_it_says_what_the_message_says() -> None:
    """All fields of ``status`` but the one about a venue that is gone."""
    assert set(Status.__struct_fields__) - {"served"} == set(VenueStatus.__struct_fields__)
