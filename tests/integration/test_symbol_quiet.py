"""Quiet is not broken; symbols come and go while everything runs; and what stands in while the exchange is away."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from deploy.launcher.programs import plan_run
from deploy.launcher.stack import Stack
from deploy.ports import free_port
from tests.client import connected
from tests.exchange.server import Exchange
from tests.integration.faults import Lines, feeds, is_live, launched, now, tell, together
from tests.integration.quotes import (
    history,
    holder,
    moving,
    newest,
    plan_for,
    shows,
    state,
    until_shown,
)
from tests.integration.stacks import environment, run_plan, running, ws_url
from tests.waiting import until

pytestmark = pytest.mark.integration

QUIET = tuple(f"Q{number}USDT" for number in range(40))
BUSY = ("BTCUSDT", "ETHUSDT")
QUIET_MARKET_S = 15.0
"""Symbols are doubted after 5 s of silence, and after 10 s more."""
REQUESTS = 12
"""In a minute."""
LISTING_LOOKS_S = 60.0
"""A hundred of the traded symbols are looked at so often, in their turn."""
AUTO_LOOKS_S = 60.0
"""`FEED=auto` looks for the exchange so often."""
REFUSALS = {
    "HTTP 451": (451, b'{"code":0,"msg":"Service unavailable from a restricted location"}'),
    "HTTP 403": (403, b"<html><head><title>The request could not be satisfied</title></head></html>"),
    "HTTP 429": (429, b'{"code":-1003,"msg":"Too much request weight used"}'),
}


@pytest.mark.parametrize(
    "seconds", [QUIET_MARKET_S, pytest.param(60.0, marks=pytest.mark.long("poller", "gateway", "market", "deploy"))]
)
async def test_quiet_symbols_are_not_broken(seconds: float) -> None:
    """While nothing changes nothing is made anew or called stale, REST is hardly asked, and what comes arrives.

    That is so of quiet symbols beside busy ones, of which no price is lost, and where all are quiet.
    """
    await together(_quiet(seconds, *BUSY), _quiet(seconds))


async def _quiet(seconds: float, *busy: str) -> None:
    async with (
        Exchange([*QUIET, *busy]) as exchange,
        running(plan_for(exchange, exchange.market.listings)) as stack,
        moving(exchange, *busy),
        holder(url := ws_url(stack), *QUIET, *busy) as client,
        connected(url) as other,
    ):
        await other.subscribe("*", batch=True, max_hz=1)
        await client.until(lambda client: all(shows(client, symbol, bid="100", last="100") for symbol in QUIET))
        asked, told = len(exchange.requests), {symbol: len(client.prices[symbol]) for symbol in QUIET}
        await asyncio.sleep(seconds)
        requests = exchange.requests[asked:]
        assert 0 < len(requests) <= REQUESTS, requests
        assert 1 == len(exchange.connections)
        assert told == {symbol: len(client.prices[symbol]) for symbol in QUIET}
        for symbol in QUIET:
            exchange.quote(symbol, bid="99.50000000")
        first_s = await until_shown(client, QUIET[-1], bid="99.5")
        await client.until(lambda client: all(shows(client, symbol, bid="99.5") for symbol in QUIET))
        assert ({}, {}) == (client.states, other.states)
        assert "stale" not in feeds(other)[feeds(other).index("live") :]
        tell(
            f"{seconds:.0f} quiet seconds{' beside busy symbols' if busy else ''}",
            stale_after="never",
            REST_requests=str(len(requests)),
            first_quote_after=first_s,
        )
        assert [] == exchange.violations


async def test_a_halt_that_leaves_the_book_as_it_was_is_reported() -> None:
    """Soon where the quotes end with it."""
    await together(*(_halt_with_a_book(feed, quotes_go_on=False) for feed in ("binance-ws", "binance-rest")))


@pytest.mark.long("poller", "gateway", "market", "deploy")
async def test_a_halt_that_leaves_the_quotes_as_they_were_is_reported() -> None:
    """Within a minute or so."""
    await together(*(_halt_with_a_book(feed, quotes_go_on=True) for feed in ("binance-ws", "binance-rest")))


async def _halt_with_a_book(feed: str, *, quotes_go_on: bool) -> None:
    ends, goes_on = "ENDUSDT", "ONUSDT"
    async with (
        Exchange([*BUSY, ends, goes_on]) as exchange,
        running(plan_for(exchange, exchange.market.listings, feed)) as stack,
        moving(exchange, *BUSY, goes_on),
        holder(ws_url(stack), ends, goes_on) as client,
    ):
        async with moving(exchange, ends):
            await client.until(lambda client: len(client.prices[ends]) > 5 and len(client.prices[goes_on]) > 5)
        began = now()
        for symbol in (ends, goes_on):
            exchange.market.set_status(symbol, "HALT")
        # By REST quotes are read once a second, and are not new where they stand still.
        within_s = {ends: 20.0} | ({goes_on: 1.5 * LISTING_LOOKS_S} if quotes_go_on else {})
        for symbol, most_s in within_s.items():
            await client.until(lambda client: state(client, symbol) == "halted", within_s=most_s)  # noqa: B023 # awaited in this turn of the loop
            await client.until(lambda client: shows(client, symbol, bid=None, ask=None))  # noqa: B023 # awaited in this turn of the loop
            how = "the quotes end" if symbol == ends else "the quotes go on"
            tell(f"a halt that leaves the book, {feed}, {how}", stale_after=now() - began, back_after="–")
        assert [] == exchange.violations


@pytest.mark.parametrize("way", ["TICKGATE_CONFIG", "@file"])
async def test_symbols_come_and_go_in_poller_and_gateway_together(way: str, tmp_path: Path) -> None:
    """One that is added has prices and can be subscribed; holders of a removed one are told; others miss nothing."""
    names = tmp_path / "names"
    config = tmp_path / "conf"

    def write(*symbols: str) -> None:
        if way == "@file":
            names.write_text("\n".join(symbols), encoding="utf-8")
        else:
            config.write_text(f"SYMBOLS={','.join(symbols)}\n", encoding="utf-8")

    async with Exchange([*BUSY, "OLDUSDT", "NEWUSDT"]) as exchange:
        write(*BUSY, "OLDUSDT")
        told = environment(
            GATEWAY_PORT=str(free_port()),
            FEED="binance-ws",
            BINANCE_REST_URL=exchange.rest_url,
            BINANCE_WS_URL=exchange.ws_url,
        )
        del told["SYMBOLS"]
        told |= {"SYMBOLS": f"@{names}"} if way == "@file" else {"TICKGATE_CONFIG": str(config)}
        # Either may be the first to be told.
        programs = ("poller", "gateway") if way == "@file" else ("gateway", "poller")
        async with (
            launched(plan_run(told)) as (stack, lines),
            moving(exchange, *BUSY),
            holder(url := ws_url(stack), *BUSY) as bystander,
            connected(url) as client,
        ):
            await client.subscribe("*")
            await client.until(lambda client: is_live(client) and shows(client, "OLDUSDT", bid="100"))
            write(*BUSY, "NEWUSDT")
            await _hang_up(stack, lines, *programs)
            await client.until(lambda client: client.count("unsubscribed") == 1)
            assert [["OLDUSDT"]] == [its["symbols"] for its in client.messages if its["type"] == "unsubscribed"]
            # By the poller, which does not serve it any more, and by the gateway.
            assert {"unknown"} == set(history(client, "OLDUSDT"))
            began = now()
            await client.subscribe("NEW")
            await until_shown(client, "NEWUSDT", bid="100", ask="100.01")
            tell(f"a symbol is added while running ({way})", priced_after=now() - began)
            for price in ("99", "98"):
                exchange.quote("NEWUSDT", bid=f"{price}.00000000")
                await until_shown(client, "NEWUSDT", bid=price)
            await client.until(lambda client: state(client, "NEWUSDT") == "live")
            lost = newest(client, "OLDUSDT")["seq"]
            # And back again: as if it had never been away.
            write(*BUSY, "NEWUSDT", "OLDUSDT")
            exchange.quote("OLDUSDT", bid="97.00000000")
            await _hang_up(stack, lines, *programs)
            await client.subscribe("OLD")
            await until_shown(client, "OLDUSDT", bid="97")
            assert lost < newest(client, "OLDUSDT")["seq"]
            await client.until(lambda client: state(client, "OLDUSDT") == "live")
            assert bystander.states == {}
            assert "stale" not in feeds(client)[feeds(client).index("live") :]
        assert [] == exchange.violations


async def _hang_up(stack: Stack, lines: Lines, *programs: str) -> None:
    """Have each read its settings again, one after the other."""
    for program in programs:
        before = len(lines[program])
        stack[program].send(signal.SIGHUP)
        await until(lambda: any("settings read again" in line for line in lines[program][before:]))  # noqa: B023


@pytest.mark.long("poller", "gateway", "market", "deploy")
async def test_auto_goes_over_to_the_exchange_when_it_can_be_reached() -> None:
    """Where nothing listens prices are simulated, and say so; a minute later the exchange's take their place."""
    port = free_port()
    plan = run_plan(
        FEED="auto",
        SYMBOLS=",".join(BUSY),
        BINANCE_REST_URL=f"http://127.0.0.1:{port}",
        BINANCE_WS_URL=f"ws://127.0.0.1:{port}",
    )
    async with running(plan) as stack, connected(ws_url(stack)) as client:
        await client.subscribe("*")
        await client.until(is_live)
        assert "simulated" == client.status["source"]
        assert "cannot be reached" in client.status["reason"]
        async with Exchange(BUSY, port=port) as exchange:
            began = now()
            for symbol in BUSY:
                exchange.quote(symbol, bid="7.00000000", ask="8.00000000")
            await client.until(lambda client: client.status["source"] == "binance-ws", within_s=AUTO_LOOKS_S + 15)
            await client.until(
                lambda client: is_live(client) and all(shows(client, symbol, bid="7") for symbol in BUSY)
            )
            tell("the exchange can be reached at last", stale_after="never", back_after=now() - began)
            await asyncio.sleep(3)
            # Nothing of the simulator comes after the first of the exchange.
            assert all(shows(client, symbol, bid="7", ask="8") for symbol in BUSY)
            assert [] == exchange.violations


async def test_auto_does_not_simulate_where_the_exchange_refuses() -> None:
    """A country that is shut out, a firewall, a limit: no price is made up, the reason stands, and it goes on after."""
    await together(*(_refused(said) for said in REFUSALS))


async def _refused(said: str) -> None:
    code, body = REFUSALS[said]
    async with Exchange(BUSY) as exchange:
        exchange.answer(code, body, retry_after_s=3 if code == 429 else None)
        exchange.faults.stream_status = code
        async with (
            launched(plan_for(exchange, BUSY, feed="auto")) as (stack, _),
            connected(ws_url(stack)) as client,
        ):
            await client.subscribe("*")
            await client.until(lambda client: said in client.status["reason"], within_s=30)
            for _ in range(3):
                await asyncio.sleep(1)
                assert ("stale", "binance-ws") == (client.status["feed"], client.status["source"])
                assert said in client.status["reason"]
            assert not any(client.prices.values())
            exchange.heal()
            began = now()
            await client.until(lambda client: is_live(client) and shows(client, "BTCUSDT", bid="100"), within_s=40)
            assert "binance-ws" == client.status["source"]
            assert "simulated" not in {its.get("source") for its in client.messages}
            assert [] == exchange.violations
            tell(f"FEED=auto is answered {said}", back_after=now() - began)


async def test_a_start_of_which_no_symbol_is_listed_ends() -> None:
    """Several of them are one line and exit code 2, within five seconds; beside one that is listed they stop nobody."""
    async with Exchange(["BTCUSDT"]) as exchange:
        environ = environment(
            FEED="binance-ws",
            SYMBOLS="NOSUCHUSDT,NEVERUSDT,GONEUSDT",
            BUS_URL=f"redis://127.0.0.1:{free_port()}/0",
            BINANCE_REST_URL=exchange.rest_url,
            BINANCE_WS_URL=exchange.ws_url,
            LOG_LEVEL="ERROR",
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "poller"),
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
        assert (2, 1) == (process.returncode, len(output.splitlines()))
        assert b"NOSUCHUSDT and 2 more" in output
