"""The poller dies or hangs; the exchange falls silent, or says nonsense."""

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from tests.client import Client
from tests.exchange.server import Exchange
from tests.integration.faults import (
    SILENT_POLLER,
    SYMBOLS,
    assert_never_stale,
    assert_stayed,
    launched,
    subscribers,
    tell,
    together,
    until_current,
    until_more,
    until_stale,
)
from tests.integration.fronts import both_ways
from tests.integration.stacks import running, ws_url

pytestmark = pytest.mark.integration

STREAM_SILENT_WITHIN_S = 10
"""The poller gives a stream up after five seconds without a word; nothing at Binance is silent for so long."""
FROZEN_ON_S = 5
NONSENSE_WITHIN_S = 8
CONNECTED_WITHIN_S = 40
"""The poller tries an exchange again after 30 s at most."""
LOG_LINES = 40
"""What a poller may say of thousands of wrong messages."""

NONSENSE = (
    "",
    "{",
    "[]",
    "null",
    "\x00\x01\x02",
    '"price"',
    "[" * 10_000,
    '{"x":' + "[" * 100_000,
    '{"stream":"btcusdt@bookTicker","data":{"x":' + "[" * 2_000 + "]" * 2_000 + "}}",
    '{"stream":"btcusdt@bookTicker"}',
    '{"stream":"btcusdt@bookTicker","data":null}',
    '{"stream":"btcusdt@nothing","data":{}}',
    '{"e":"error","m":"<html>"}',
    '{"id":7,"error":{"code":-1,"msg":"' + "x" * 5_000 + '"}}',
)
WRONG_QUOTES: tuple[dict[str, object], ...] = (
    {"b": "nonsense"},
    {"b": "NaN"},
    {"b": "-1.00000000"},
    {"b": "0.00000000", "u": 1},
    {"b": "1e9"},
    {"b": None, "u": 1},
    {"b": 100.5},
    {"b": "9" * 400, "u": 1},
    {"b": "200.00000000", "a": "199.00000000"},
    {"u": "many"},
    {"s": "NOSUCH"},
    {"s": 7},
)
"""Each in place of a part of a good quote, whose update id is ahead of the exchange's own.

Where only one side is wrong the other one counts, so those are late as well.
"""

Step = Callable[[Stack], Awaitable[object]]


async def test_clients_hear_that_the_poller_is_silent_and_go_on_when_one_is_back() -> None:
    """Killed or frozen, its silence is told; the next poller, or the thawed one, goes on above every seq before it."""

    async def kill(stack: Stack) -> None:
        stack["poller"].send(signal.SIGKILL)

    async def start(stack: Stack) -> None:
        await stack.start_one("poller")

    async def freeze(stack: Stack) -> None:
        stack["poller"].send(signal.SIGSTOP)

    async def thaw(stack: Stack) -> None:
        stack["poller"].send(signal.SIGCONT)

    await together(_silence("poller killed", kill, start), _silence("poller frozen", freeze, thaw))


async def _silence(name: str, begin: Step, end: Step) -> None:
    async with running(both_ways()) as stack, subscribers(ws_url(stack)) as clients:
        try:
            await begin(stack)
            stale_after = await until_stale(clients, SILENT_POLLER)
            await end(stack)
        finally:
            # Frozen it could not be stopped.
            stack["poller"].send(signal.SIGCONT)
        back_after = await until_current(clients)
        assert_stayed(clients)
        tell(name, stale_after=stale_after, back_after=back_after)


async def test_an_exchange_that_goes_silent_or_mad_is_reported_as_such_and_taken_up_again() -> None:
    """Open sockets without a word, or words without a meaning: `stale` with the reason, then right again.

    Of a stream that is half rubbish every good quote arrives, nothing else does, and the log stays short.
    """
    await together(_frozen(), _meaningless_quotes(), _meaningless_answers(), _nonsense_among_good_quotes())


async def _frozen() -> None:
    async with _exchange() as exchange, running(_plan(exchange)) as stack, subscribers(ws_url(stack)) as clients:
        exchange.freeze()
        stale_after = await until_stale(clients, "nothing received", STREAM_SILENT_WITHIN_S)
        # Connections that are opened now hang too.
        await asyncio.sleep(FROZEN_ON_S)
        assert {client.status["feed"] for client in clients} == {"stale"}
        exchange.heal()
        back_after = await until_current(clients, CONNECTED_WITHIN_S)
        assert_stayed(clients)
        tell("exchange frozen", stale_after=stale_after, back_after=back_after)


async def _meaningless_quotes() -> None:
    async with (
        _exchange() as exchange,
        launched(_plan(exchange)) as (stack, lines),
        subscribers(ws_url(stack)) as clients,
    ):
        before = len(lines["poller"])
        exchange.mad = True
        stale_after = await until_stale(clients, "", NONSENSE_WITHIN_S)
        exchange.mad = False
        back_after = await until_current(clients)
        assert_stayed(clients)
        assert all(map(_is_right, clients))
        assert len(lines["poller"]) < before + LOG_LINES
        tell("exchange quotes only nonsense", stale_after=stale_after, back_after=back_after)


async def _meaningless_answers() -> None:
    async with (
        _exchange() as exchange,
        launched(_plan(exchange, feed="binance-rest")) as (stack, lines),
        subscribers(ws_url(stack)) as clients,
    ):
        before = len(lines["poller"])
        exchange.answer(200, b"<html>The exchange is being maintained.</html>")
        stale_after = await until_stale(clients, "", NONSENSE_WITHIN_S)
        exchange.heal()
        back_after = await until_current(clients, CONNECTED_WITHIN_S)
        assert_stayed(clients)
        assert len(lines["poller"]) < before + LOG_LINES
        tell("exchange answers HTML by REST", stale_after=stale_after, back_after=back_after)


async def _nonsense_among_good_quotes() -> None:
    async with (
        _exchange() as exchange,
        launched(_plan(exchange)) as (stack, lines),
        subscribers(ws_url(stack), conflate=False) as clients,
    ):
        before = len(lines["poller"])
        raving = asyncio.create_task(_rave(exchange))
        try:
            took_s = await until_more(clients, 60)
        finally:
            raving.cancel()
        assert_stayed(clients)
        assert [client.gaps() for client in clients] == [[]] * len(clients)
        assert all(map(_is_right, clients))
        assert_never_stale(clients)
        assert len(lines["poller"]) < before + LOG_LINES
        assert not [line for line in lines["poller"] if "numbered anew" in line]
        tell("nonsense among good quotes", stale_after="never", sixty_prices_in=took_s)


class MovingExchange(Exchange):
    """An exchange whose quotes move: bids from 100.00 to 100.99 and asks one higher, or what means nothing."""

    def __init__(self) -> None:
        super().__init__(SYMBOLS)
        self.mad = False

    async def move(self) -> None:
        """Quote until cancelled."""
        for cents in itertools.cycle(range(100)):
            bid, ask = ("nonsense", "rubbish") if self.mad else (f"100.{cents:02d}000000", f"101.{cents:02d}000000")
            for symbol in SYMBOLS:
                self.quote(symbol, bid=bid, ask=ask)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _exchange() -> AsyncIterator[MovingExchange]:
    async with MovingExchange() as exchange:
        moving = asyncio.create_task(exchange.move())
        try:
            yield exchange
        finally:
            moving.cancel()


def _is_right(client: Client) -> bool:
    """Whether every quote it had is one that a `MovingExchange` in its right mind gave."""
    prices = [price for symbol in SYMBOLS for price in client.prices[symbol] if "bid" in price]
    return bool(prices) and all(
        100 <= price["bid"] / 10 ** price["price_scale"] < 101
        and price["ask"] - price["bid"] == 10 ** price["price_scale"]
        for price in prices
    )


async def _rave(exchange: Exchange) -> None:
    """Say everything that is wrong, again and again."""
    for text in itertools.cycle((*NONSENSE, *map(_wrong_quote, WRONG_QUOTES))):
        exchange.say(text)
        await asyncio.sleep(0.02)


def _wrong_quote(wrong: dict[str, object]) -> str:
    quote = {
        "u": 10**12,
        "s": "BTCUSDT",
        "b": "100.00000000",
        "B": "1.00000000",
        "a": "101.00000000",
        "A": "1.00000000",
    }
    return json.dumps({"stream": "btcusdt@bookTicker", "data": quote | wrong})


def _plan(exchange: Exchange, feed: str = "binance-ws") -> Plan:
    return both_ways(
        FEED=feed, SYMBOLS=",".join(SYMBOLS), BINANCE_REST_URL=exchange.rest_url, BINANCE_WS_URL=exchange.ws_url
    )
