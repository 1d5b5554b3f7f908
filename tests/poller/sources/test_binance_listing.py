import asyncio
from collections.abc import AsyncIterator

import pytest

from market.instruments import Scales
from poller.errors import PollerError
from poller.sources import UnknownSymbolError
from tests.exchange import Exchange
from tests.poller.sources.listening import LIMITS, eventually, new_rest, new_ws

MANY = [f"S{number:03d}USDT" for number in range(600)]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; whoever breaks a limit fails the test."""
    async with Exchange(["BTCUSDT", "ETHUSDT", "HUGEUSDT", "VENUSDT", *MANY], LIMITS) as exchange:
        yield exchange
        assert [] == exchange.violations


async def test_scales_of_some_symbols(exchange: Exchange) -> None:
    """Both sources ask for just their symbols, once, and have the scales in their order."""
    for source in (new_rest(exchange, ["ETHUSDT", "BTCUSDT"]), new_ws(exchange, ["ETHUSDT", "BTCUSDT"])):
        scales = await source.instruments()
        assert [("ETHUSDT", Scales(2, 4)), ("BTCUSDT", Scales(2, 5))] == list(scales.items())
    assert [("exchangeInfo", ("ETHUSDT", "BTCUSDT"), 20)] * 2 == [
        (request.path, request.symbols, request.weight) for request in exchange.requests
    ]


async def test_scales_of_one_symbol(exchange: Exchange) -> None:
    """One symbol alone is asked for by name, too."""
    assert {"BTCUSDT": Scales(2, 5)} == await new_rest(exchange, ["BTCUSDT"]).instruments()


async def test_scales_of_very_many_symbols(exchange: Exchange) -> None:
    """More symbols than an address should name are taken out of the answer for all."""
    scales = await new_rest(exchange, MANY).instruments()
    assert MANY == list(scales)
    assert [None] == [request.symbols for request in exchange.requests]


async def test_unknown_symbol_stops_the_start(exchange: Exchange) -> None:
    """The exchange does not say which symbol is wrong; we do, and which may be meant."""
    with pytest.raises(UnknownSymbolError, match="SYMBOLS names BTCUSD, which Binance does not list; did you mean BTC"):
        await new_ws(exchange, ["ETHUSDT", "BTCUSD"]).instruments()


async def test_unfit_symbol_stops_the_start(exchange: Exchange) -> None:
    """Numbers that JavaScript could not hold are refused before the first tick."""
    with pytest.raises(PollerError, match="HUGEUSDT"):
        await new_rest(exchange, ["HUGEUSDT"]).instruments()


@pytest.mark.parametrize("status", [403, 500, 502])
async def test_scales_are_asked_for_until_they_come(exchange: Exchange, status: int) -> None:
    """An exchange that fails at first is asked again."""
    exchange.answer(status, b"<html>", times=3)
    assert {"BTCUSDT": Scales(2, 5)} == await new_rest(exchange, ["BTCUSDT"]).instruments()
    assert [status, status, status, 200] == [request.status for request in exchange.requests]


async def test_garbage_for_scales_is_no_end(exchange: Exchange) -> None:
    """An answer that is no ``exchangeInfo`` is not believed; the next one is."""
    exchange.answer(200, b'{"symbols":', times=1)
    exchange.answer(200, b"[1,2,3]", times=1)
    assert {"BTCUSDT": Scales(2, 5)} == await new_rest(exchange, ["BTCUSDT"]).instruments()


async def test_waits_for_an_exchange_that_cannot_be_reached(exchange: Exchange) -> None:
    """While nobody answers, the state says so; when the exchange is there, so are the scales."""
    await exchange.refuse()
    source = new_ws(exchange, ["BTCUSDT"])
    task = asyncio.create_task(source.instruments())
    await eventually(lambda: source.counters["rest_errors"] >= 2)
    assert "down" == source.state.link
    assert "cannot reach" in source.state.reason
    await exchange.accept()
    assert {"BTCUSDT": Scales(2, 5)} == await task


async def test_ban_at_start_is_obeyed(exchange: Exchange) -> None:
    """A 429 to the very first request holds back the second until it is over."""
    exchange.answer(429, times=1, retry_after_s=1)
    await new_rest(exchange, ["BTCUSDT"]).instruments()
    first, second = exchange.requests
    assert (429, 200) == (first.status, second.status)
    assert second.at - first.at >= 1.0
