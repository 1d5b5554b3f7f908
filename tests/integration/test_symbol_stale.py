"""One symbol's prices fail while others' do not: by the streams and by REST; and everything fails at once."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.client import Client, connected
from tests.exchange.server import Exchange
from tests.integration.faults import feeds, is_live, now, tell, together, until_stale
from tests.integration.quotes import (
    history,
    holder,
    moving,
    plan_for,
    shows,
    state,
    turns,
    until_shown,
    until_state,
)
from tests.integration.stacks import running, ws_url

pytestmark = pytest.mark.integration

STEADY = ("BTCUSDT", "ETHUSDT")
"""They move all the time, and nothing is wrong with them."""
MANY = tuple(f"S{number}USDT" for number in range(200))
_GARBLED_QUOTE = '{"stream":"STREAM","data":{"u":ID,"s":"NAME","b":"BID","B":"1.0","a":"ASK","A":"1.0"}}'
GARBLED = {
    "WORDUSDT": _GARBLED_QUOTE.replace("BID", "nonsense").replace("ASK", "rubbish"),
    "CROSSUSDT": _GARBLED_QUOTE.replace("BID", "102.0").replace("ASK", "101.0"),
    "NULLUSDT": '{"stream":"STREAM","data":null}',
}
DEAD = "nothing comes on its stream"
HALTED = MANY[7]
"""It has a state of its own, before and after."""
OUT_S = 6.0
OTHERS_S = 2.5
"""In which REST answers twice at least."""


async def test_one_stream_that_fails_is_reported_of_its_symbol_and_of_no_other() -> None:
    """A mute stream, one that REST must stand in for, and quotes that mean nothing: each stale, then live again.

    Two symbols beside them get every price, and never hear of any of it, though connections are replaced meanwhile.
    """
    async with (
        Exchange([*STEADY, "MUTEUSDT", "DEADUSDT", *GARBLED]) as exchange,
        running(plan_for(exchange, exchange.market.listings)) as stack,
        moving(exchange, *STEADY),
        holder(url := ws_url(stack), *STEADY) as bystander,
    ):
        # One after the other: a connection is replaced for a symbol once a minute.
        await _mute(exchange, url)
        await together(_dead(exchange, url), *(_garbled(exchange, url, symbol) for symbol in GARBLED))
        assert bystander.states == {}
        assert [] == exchange.violations


async def _mute(exchange: Exchange, url: str) -> None:
    """Of its stream nothing comes on this connection; on the one that takes its place it does."""
    async with holder(url, symbol := "MUTEUSDT") as client:
        exchange.quote(symbol, bid="50.00000000")
        await until_shown(client, symbol, bid="50")
        [connection] = exchange.open_connections
        connection.quiet_streams.add(f"{symbol.lower()}@bookTicker")
        exchange.quote(symbol, bid="51.00000000")
        began = now()
        newer_s = await until_shown(client, symbol, bid="51")
        await until_state(client, symbol, "stale", DEAD)
        stale_s = now() - began
        await exchange.until(lambda: connection not in exchange.open_connections)
        exchange.quote(symbol, bid="52.00000000")
        await until_shown(client, symbol, bid="52")
        await client.until(lambda client: (state(client, symbol), client.states[symbol]["reason"]) == ("live", ""))
        tell("a symbol's stream is mute", newer_price_after=newer_s, told_after=stale_s, back_after=now() - began)


async def _dead(exchange: Exchange, url: str) -> None:
    """Nothing of it comes on any connection: REST stands in, and says so; then its stream speaks again."""
    async with holder(url, symbol := "DEADUSDT") as client:
        exchange.quote(symbol, bid="50.00000000")
        await until_shown(client, symbol, bid="50")
        exchange.faults.quiet_streams.add(f"{symbol.lower()}@bookTicker")
        exchange.quote(symbol, bid="51.00000000")
        began = now()
        await until_shown(client, symbol, bid="51")
        await until_state(client, symbol, "stale", DEAD)
        stale_s = now() - began
        await until_state(client, symbol, "live", "by REST")
        rest_s = now() - began
        for price in ("52", "53", "54"):
            exchange.quote(symbol, bid=f"{price}.00000000")
            assert await until_shown(client, symbol, bid=price) < 5
        exchange.faults.quiet_streams.clear()
        exchange.quote(symbol, bid="55.00000000")
        await client.until(lambda client: client.states[symbol]["reason"] == "")
        assert shows(client, symbol, bid="55")
        assert ["stale", "live", "live"] == history(client, symbol)
        tell("a symbol's stream is dead", told_after=stale_s, by_REST_after=rest_s)


async def _garbled(exchange: Exchange, url: str, symbol: str) -> None:
    """What comes of it cannot be used, while good quotes of others come on the same connection."""
    async with holder(url, symbol) as client:
        exchange.quote(symbol, bid="60.00000000", ask="61.00000000")
        await until_shown(client, symbol, bid="60")
        raving = asyncio.create_task(_rave(exchange, symbol))
        stale_s = await until_state(client, symbol, "stale", "cannot be used", within_s=8)
        assert 2.9 < stale_s
        # Dozens of good quotes of others came on the same connection meanwhile, and still do.
        await asyncio.sleep(1)
        assert {"stale"} == set(history(client, symbol))
        raving.cancel()
        exchange.quote(symbol, bid="62.00000000", ask="63.00000000", update_id=10**12)
        back_s = await until_state(client, symbol, "live")
        assert shows(client, symbol, bid="62", ask="63")
        tell(f"a symbol's quotes mean nothing ({symbol})", told_after=stale_s, back_after=back_s)


async def _rave(exchange: Exchange, symbol: str) -> None:
    for number in range(10**11, 2 * 10**11):
        stream = f"{symbol.lower()}@bookTicker"
        exchange.say(GARBLED[symbol].replace("STREAM", stream).replace("NAME", symbol).replace("ID", str(number)))
        await asyncio.sleep(0.1)


async def test_by_rest_a_symbol_that_is_missing_is_reported_and_no_other() -> None:
    """Left out of answers, halted with an empty book, delisted: each tells its own state, and others go on."""
    symbols = [*STEADY, "LEFTUSDT", "HALTUSDT", "GONEUSDT", "GARBUSDT"]
    async with (
        Exchange(symbols) as exchange,
        running(plan_for(exchange, symbols, feed="binance-rest")) as stack,
        moving(exchange, *STEADY),
        connected(url := ws_url(stack)) as bystander,
    ):
        await bystander.subscribe(*STEADY)
        await bystander.until(is_live)
        await together(
            _left_out(exchange, url),
            _halted_by_rest(exchange, url),
            _garbled_by_rest(exchange, url),
            _gone_by_rest(exchange, url),
        )
        assert bystander.states == {}
        assert [] == bystander.gaps()
        assert "stale" not in feeds(bystander)[feeds(bystander).index("live") :]
        assert [] == exchange.violations


async def _left_out(exchange: Exchange, url: str) -> None:
    async with holder(url, symbol := "LEFTUSDT") as client:
        await until_shown(client, symbol, bid="100")
        exchange.faults.left_out.add(symbol)
        stale_s = await until_state(client, symbol, "stale", "answers have no price of it", within_s=8)
        exchange.faults.left_out.clear()
        exchange.quote(symbol, bid="99.00000000")
        back_s = await until_state(client, symbol, "live", within_s=5)
        assert shows(client, symbol, bid="99")
        assert ["stale", "live"] == history(client, symbol)
        tell("a symbol is missing in REST's answers", told_after=stale_s, back_after=back_s)


async def _halted_by_rest(exchange: Exchange, url: str) -> None:
    async with holder(url, symbol := "HALTUSDT") as client:
        await until_shown(client, symbol, bid="100")
        exchange.market.set_status(symbol, "BREAK")
        exchange.quote(symbol, bid="0.00000000", ask="0.00000000")
        await until_shown(client, symbol, bid=None, ask=None)
        halted_s = await until_state(client, symbol, "halted", "BREAK")
        exchange.market.set_status(symbol, "TRADING")
        exchange.quote(symbol, bid="80.00000000", ask="81.00000000")
        back_s = await until_state(client, symbol, "live", within_s=30)
        assert shows(client, symbol, bid="80", ask="81")
        assert ["halted", "live"] == turns(client, symbol)
        tell("symbol halted, by REST", told_after=halted_s, back_after=back_s)


async def _garbled_by_rest(exchange: Exchange, url: str) -> None:
    async with holder(url, symbol := "GARBUSDT") as client:
        await until_shown(client, symbol, bid="100")
        exchange.quote(symbol, bid="nonsense", ask="rubbish")
        stale_s = await until_state(client, symbol, "stale", "cannot be used", within_s=8)
        # Good prices of others, in the same answers, clear nothing.
        await asyncio.sleep(OTHERS_S)
        assert "stale" == state(client, symbol)
        exchange.quote(symbol, bid="90.00000000", ask="91.00000000")
        back_s = await until_state(client, symbol, "live", within_s=5)
        assert shows(client, symbol, bid="90", ask="91")
        tell("a symbol's prices mean nothing, by REST", told_after=stale_s, back_after=back_s)


async def _gone_by_rest(exchange: Exchange, url: str) -> None:
    async with holder(url, symbol := "GONEUSDT") as client:
        await until_shown(client, symbol, bid="100")
        exchange.market.delist(symbol)
        gone_s = await until_state(client, symbol, "delisted", "does not list it any more")
        assert shows(client, symbol, bid=None, ask=None)
        tell("symbol delisted, by REST", told_after=gone_s)


async def test_an_outage_of_everything_is_one_message() -> None:
    """A client of 200 symbols hears it of none of them, nor when the poller is started anew meanwhile."""
    async with (
        Exchange(MANY) as exchange,
        running(plan_for(exchange, MANY)) as stack,
        moving(exchange, *MANY[:3]),
        connected(ws_url(stack)) as client,
    ):
        exchange.market.set_status(HALTED, "BREAK")
        exchange.quote(HALTED, bid="0.00000000", ask="0.00000000")
        await client.subscribe("*")
        await client.until(lambda client: is_live(client) and state(client, HALTED) == "halted", within_s=20)
        async with _outage(exchange, client):
            await asyncio.sleep(OUT_S)
        await client.until(lambda client: client.status["source"] == "binance-ws" and is_live(client), within_s=30)
        async with _outage(exchange, client):
            stack["poller"].send(signal.SIGKILL)
            await client.until(lambda client: "the poller is silent" in client.status["reason"])
            await stack.start_one("poller")
            await client.until(lambda client: "the poller is silent" not in client.status["reason"])
            await asyncio.sleep(OUT_S)
        async with connected(ws_url(stack)) as late:
            await late.subscribe("*")
            await late.until(lambda late: len(late.prices) == len(MANY))
            await until_state(late, HALTED, "halted")
            assert [HALTED] == list(late.states)


@asynccontextmanager
async def _outage(exchange: Exchange, client: Client) -> AsyncIterator[None]:
    """Nothing of the exchange answers; the client is told of nothing but the feed, whose reason becomes clearer."""
    before = len(client.messages)
    await exchange.refuse()
    exchange.drop_all()
    stale_s = await until_stale([client], "stream down")
    yield
    assert not is_live(client)
    await exchange.accept()
    began = now()
    await client.until(is_live, within_s=60)
    told = client.messages[before:]
    # Since when the one has its state a new poller says anew.
    assert {HALTED} >= {its["symbol"] for its in told if its["type"] == "symbol_status"}
    said = [its["feed"] for its in told if its["type"] == "status"]
    assert ["stale", "live"] == [feed for feed, _ in itertools.groupby(said)]
    # What broke first, that it cannot be made again, what became of REST; of a poller that was killed two more.
    assert len(told) <= 7
    tell("everything fails, 200 symbols", messages=str(len(told)), told_after=stale_s, back_after=now() - began)
