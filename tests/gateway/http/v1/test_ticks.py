"""The newest tick of each symbol: ``GET /v1/ticks``."""

import time
from typing import Any

import pytest
from msgspec.json import decode as loads

from gateway.http.v1.ticks import NewestDecimalTick, NewestTick, NewestTicks
from market.prices.symbols import parse_symbols
from market.prices.tick import Tick
from market.wire.status import Changes, Heartbeat, States, SymbolStatus
from tests.gateway.conftest import Start, stop_the_clock
from tests.gateway.http.test_routes import BAD, JWT, ask, bearing
from tests.market.bus.using import publish
from tests.waiting import until

MANY = parse_symbols(",".join(f"NUMBER{number}USDT" for number in range(450)))


def ticks(body: bytes) -> list[dict[str, Any]]:
    """The entries of an answer."""
    told: list[dict[str, Any]] = loads(body)["ticks"]
    return told


async def test_each_symbol_has_its_newest_tick_with_age_and_state(start_anyhow: Start) -> None:
    """In the order asked; one without a tick says so by having none."""
    running = await start_anyhow(symbols=parse_symbols("BTCUSDT,ETHUSDT"))
    await running.heartbeat()
    now_us = time.time_ns() // 1000
    await running.publish("BTCUSDT", 7, last=6252015, volume=5200, recv_us=now_us - 2_000_000)
    await until(lambda: running.gateway.feed.live)
    status, headers, body = await ask(running, "GET", "v1/ticks?symbols=eth,BTC/USDT")
    assert (200, "application/json") == (status, headers["Content-Type"])
    nothing, btc = ticks(body)
    assert {"symbol": "ETHUSDT", "venue": "binance", "state": "live"} == nothing
    assert 2_000 <= btc.pop("age_ms") < 20_000
    assert now_us <= loads(body)["server_us"] < now_us + 20_000_000
    assert {"symbol": "BTCUSDT", "seq": 7, "bid": 70, "ask": 71, "last": 6252015, "volume": 5200} | {
        "price_scale": 2, "size_scale": 3, "recv_us": now_us - 2_000_000, "venue": "binance", "state": "live"
    } == btc  # fmt: skip


async def test_numbers_are_decimal_strings_for_who_asks(start_anyhow: Start) -> None:
    """Without scales, for they are in the strings."""
    running = await start_anyhow()
    await running.publish("BTCUSDT", 1, last=6252015, volume=5200)
    (btc,) = ticks((await ask(running, "GET", "v1/ticks?symbols=BTC&numbers=decimal"))[2])
    assert ("62520.15", "5.200", "0.10", None) == (btc["last"], btc["volume"], btc["bid"], btc.get("price_scale"))


async def test_a_price_that_is_not_current_says_why(start_anyhow: Start) -> None:
    """Of its own, or since its venue is stale."""
    running = await start_anyhow(symbols=parse_symbols("BTCUSDT,ETHUSDT"))
    now_us = time.time_ns() // 1000
    halted = SymbolStatus(symbol="ETHUSDT", state="halted", reason="BREAK", since_us=now_us)
    told = Heartbeat(
        source="simulated", link="up", since_us=now_us, sent_us=now_us, states=Changes(version=now_us, since=now_us)
    )
    states = States(version=now_us, live=["BTCUSDT"], others=[halted])
    await publish(running.gateway.bus, [], told, states=states)
    await until(lambda: running.gateway.states.state_of("ETHUSDT") == "halted")
    for numbers in ("scaled", "decimal"):
        _, _, body = await ask(running, "GET", f"v1/ticks?numbers={numbers}")
        btc, eth = ticks(body)
        assert [("live", None), ("halted", "BREAK")] == [(one["state"], one.get("reason")) for one in (btc, eth)]
    await running.heartbeat(link="down", reason="no exchange")
    await until(lambda: not running.gateway.feed.live)
    btc, eth = ticks((await ask(running, "GET", "v1/ticks"))[2])
    assert [("stale", "no exchange"), ("halted", "BREAK")] == [(one["state"], one["reason"]) for one in (btc, eth)]


async def test_what_has_not_changed_is_not_sent_again(start_anyhow: Start) -> None:
    """304 while the tick and its state are the same, however old it gets; other numbers are another answer."""
    running = await start_anyhow()
    await running.heartbeat()
    await running.publish("BTCUSDT", 1)
    await until(lambda: running.gateway.feed.live)
    path = "v1/ticks?symbols=BTC"
    _, headers, _ = await ask(running, "GET", path)
    tag = headers["Etag"]
    for sent in (tag, f'"other", {tag}', "*"):
        status, headers, body = await ask(running, "GET", path, If_None_Match=sent)
        assert (304, tag, b"") == (status, headers["Etag"], body)
    for other in (path + "&numbers=decimal", "v1/ticks?symbols=BTC,ETH"):
        assert 200 == (await ask(running, "GET", other, If_None_Match=tag))[0]
    await running.publish("BTCUSDT", 2)
    assert 200 == (await ask(running, "GET", path, If_None_Match=tag))[0]


@pytest.mark.parametrize("count", [1, 200, 201, 450])
async def test_all_symbols_are_in_one_answer(start: Start, count: int) -> None:
    """As JSON of the documented type, however many."""
    running = await start(symbols=parse_symbols(",".join(MANY.names[:count])))
    for number, name in enumerate(MANY.names[:count:2]):
        await running.publish(name, number + 1)
    _, _, body = await ask(running, "GET", "v1/ticks")
    assert list(MANY.names[:count]) == [one["symbol"] for one in ticks(body)]


async def test_unknown_names_are_refused_with_what_was_meant(start_anyhow: Start) -> None:
    """All of the request: half an answer would pass for a whole one."""
    running = await start_anyhow()
    status, _, body = await ask(running, "GET", "v1/ticks?symbols=BTC,BTCUSD")
    assert (404, "unknown_symbol") == (status, loads(body)["code"])
    assert "BTCUSDT" in loads(body)["error"]
    assert 400 == (await ask(running, "GET", "v1/ticks?symbols=BTC&max_hz=1"))[0]


async def test_a_token_shows_its_own_symbols(start_anyhow: Start) -> None:
    """All that it may see without names; by name, others are forbidden. In the URL only if that is allowed."""
    running = await start_anyhow(auth=JWT, symbols=parse_symbols("BTCUSDT,ETHUSDT"))
    token = bearing(symbols=["eth"])
    assert ["ETHUSDT"] == [one["symbol"] for one in ticks((await ask(running, "GET", "v1/ticks", **token))[2])]
    status, _, body = await ask(running, "GET", "v1/ticks?symbols=BTC,ETH", **token)
    assert (403, "forbidden") == (status, loads(body)["code"])
    for proof in (BAD, {}, bearing(exp=1)):
        assert 401 == (await ask(running, "GET", "v1/ticks", **proof))[0]
    in_query = f"v1/ticks?token={token['Authorization'].removeprefix('Bearer ')}"
    assert 401 == (await ask(running, "GET", in_query))[0]
    open_to_all = await start_anyhow(auth=JWT, auth_query_token=True, symbols=parse_symbols("BTCUSDT,ETHUSDT"))
    assert 200 == (await ask(open_to_all, "GET", in_query))[0]


async def test_many_symbols_cost_more(start_anyhow: Start) -> None:
    """And so does a name that has to be looked up."""
    running = await start_anyhow(symbols=MANY, spare_loopback=False, max_request_rate_per_ip=20)
    stop_the_clock(running)
    for path, answers in (("v1/ticks", 8), ("v1/ticks?symbols=XXX", 10)):
        running.gateway.admission.charges._requests.clear()
        statuses = [(await ask(running, "GET", path))[0] for _ in range(answers + 1)]
        assert ([200] if "?" not in path else [404]) * answers + [429] == statuses


def test_every_field_of_a_tick_is_there() -> None:
    """In both kinds of numbers, whatever fields a tick has."""
    assert set(Tick.__struct_fields__) <= set(NewestTick.__struct_fields__)
    assert set(NewestTick.__struct_fields__) - {"price_scale", "size_scale"} == set(NewestDecimalTick.__struct_fields__)
    assert ("server_us", "ticks") == NewestTicks.__struct_fields__
