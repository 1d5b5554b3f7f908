"""One symbol beside others: quiet, dead, garbled, halted, listed late, finer than its rules, without a side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from msgspec import UNSET, structs

from market.prices.tick import Tick
from poller.coverage.staleness import DEAD, UNUSABLE
from poller.intake import Intake
from poller.quality import QualityMonitor
from poller.states import SymbolStates
from tests.exchange import Exchange
from tests.poller.listening import DOUBTS, LIMITS, REST, arrived, eventually, heeding, new_ws, now_us

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; a broken limit fails the test."""
    async with Exchange(SYMBOLS, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        yield exchange
        assert [] == exchange.violations


async def test_only_quiet_symbols(exchange: Exchange) -> None:
    """A long quiet time brings no reconnect, no uncovered symbol and few requests, and the next change arrives."""
    source = new_ws(exchange, SYMBOLS, quiet_s=0.3, doubts=DOUBTS, summary_doubts=DOUBTS)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        asked = len(exchange.requests)
        await asyncio.sleep(4)
        # At 0.3, 0.9, 2.1 and 3.3 s: one about quotes, one about summaries, one about the listing at the longest.
        assert len(exchange.requests) - asked <= 12
        assert (("up", ""), {}) == ((source.state.link, source.state.reason), listener.was_lacking)
        exchange.quote("BTCUSDT", bid="7.00000000", update_id=500_000_000)
        await eventually(lambda: any(update.update_id == 500_000_000 for update in listener.updates))
    assert (1, 0) == (source.counters["connects"], source.counters["dead_streams"])


async def test_a_quiet_symbol_beside_a_busy_one(exchange: Exchange) -> None:
    """Only the quiet symbol is asked about; the busy one loses nothing, and nothing reconnects."""
    source = new_ws(exchange, SYMBOLS, doubts=DOUBTS)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        await arrived(listener.updates, "ETHUSDT", "100.00000000")
        asked = len(exchange.requests)
        for number in range(1, 301):
            exchange.quote("BTCUSDT", bid=f"{number}.00000000", update_id=500_000_000 + number)
            await asyncio.sleep(0.01)
        await eventually(lambda: any(update.update_id == 500_000_300 for update in listener.updates))
        questions = [its for its in exchange.requests[asked:] if its.path == "ticker/bookTicker"]
        assert ("ETHUSDT",) in {its.symbols for its in questions}
        assert len(questions) <= 10
        # A question asks for both only if a slow machine made the busy one quiet.
        exchange.quote("ETHUSDT", bid="7.00000000", update_id=600_000_000)
        await eventually(lambda: any(update.update_id == 600_000_000 for update in listener.updates))
    ids = [update.update_id for update in listener.updates if update.symbol == "BTCUSDT" and update.update_id]
    assert [500_000_000 + number for number in range(1, 301)] == ids
    assert (1, {}) == (source.counters["connects"], listener.was_lacking)


async def test_a_dead_stream_is_found_and_rest_stands_in(exchange: Exchange) -> None:
    """REST's newer price is passed on; the symbol is uncovered, then covered by REST with a note, then as ever."""
    exchange.faults.quiet_streams.add("ethusdt@bookTicker")
    source = new_ws(exchange, SYMBOLS, structs.replace(REST, quiet_s=0.4), doubts=DOUBTS)
    async with heeding(source) as listener:
        await arrived(listener.updates, "ETHUSDT", "100.00000000")
        exchange.quote("ETHUSDT", bid="7.00000000")
        await arrived(listener.updates, "ETHUSDT", "7.00000000")
        await eventually(lambda: listener.lacking == {"ETHUSDT": DEAD})
        assert ("binance-ws", "up") == (source.state.source, source.state.link)
        for number in range(8, 12):
            exchange.quote("ETHUSDT", bid=f"{number}.00000000")
            await arrived(listener.updates, "ETHUSDT", f"{number}.00000000")
        await eventually(lambda: listener.lacking == {} and listener.notes["ETHUSDT"] == f"by REST: {DEAD}")
        assert "REST stands in for ETHUSDT" == source.state.reason
        exchange.heal()
        exchange.quote("ETHUSDT", bid="12.00000000", update_id=500_000_000)
        await eventually(lambda: any(update.update_id == 500_000_000 for update in listener.updates))
        await eventually(lambda: listener.notes["ETHUSDT"] == "" and source.state.reason == "")
        await asyncio.sleep(0.2)
        asked = len(exchange.requests)
        await asyncio.sleep(0.2)
        assert len(exchange.requests) <= asked + 2
    assert {"ETHUSDT"} == listener.was_lacking.keys()


async def test_a_ban_while_rest_stands_in_for_a_dead_stream(exchange: Exchange) -> None:
    """No request is sent before the ban is over; the symbol is uncovered again, the others' prices continue."""
    exchange.faults.quiet_streams.add("ethusdt@bookTicker")
    source = new_ws(exchange, SYMBOLS, structs.replace(REST, quiet_s=0.2), doubts=DOUBTS)
    async with heeding(source) as listener:
        await arrived(listener.updates, "ETHUSDT", "100.00000000")
        exchange.quote("ETHUSDT", bid="7.00000000")
        await eventually(lambda: "by REST" in listener.notes.get("ETHUSDT", ""))
        exchange.answer(429, times=1, retry_after_s=1)
        await eventually(lambda: listener.lacking == {"ETHUSDT": DEAD})
        assert "up" == source.state.link
        assert "HTTP 429" in source.state.reason
        exchange.quote("BTCUSDT", bid="8.00000000")
        await arrived(listener.updates, "BTCUSDT", "8.00000000")
        exchange.quote("ETHUSDT", bid="9.00000000")
        await arrived(listener.updates, "ETHUSDT", "9.00000000")
        await eventually(lambda: listener.lacking == {})
    stop = next(at for at, request in enumerate(exchange.requests) if request.status == 429)
    assert exchange.requests[stop + 1].at - exchange.requests[stop].at >= 1.0


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        ('{"stream":"ethusdt@bookTicker","data":{"u":1,"s":"ETHUSDT","b":60000.01}}', "ETHUSDT"),
        ('{"stream":"ethusdt@bookTicker","data":null}', "ETHUSDT"),
        ('{"stream":"ethusdt@bookTicker","data":{"u":1,"s":"ETHUSDT","b":"nonsense","a":"1"}}', None),
    ],
)
async def test_garbage_on_one_symbol_s_stream(exchange: Exchange, text: str, whom: str | None) -> None:
    """Unreadable quotes are reported for their symbol; if they continue, REST stands in for it alone."""
    source = new_ws(exchange, SYMBOLS, structs.replace(REST, quiet_s=0.2), doubts=DOUBTS, review_s=0.02)
    async with heeding(source) as listener:
        await arrived(listener.updates, "ETHUSDT", "100.00000000")
        ended = asyncio.get_running_loop().time() + 15
        while "by REST" not in listener.notes.get("ETHUSDT", ""):
            assert asyncio.get_running_loop().time() < ended
            exchange.say(text)
            await asyncio.sleep(0.02)
        assert {"ETHUSDT": UNUSABLE} == listener.was_lacking
        assert {whom} >= {*listener.misread}
        exchange.quote("ETHUSDT", bid="7.00000000")
        await eventually(lambda: listener.lacking == {} and listener.notes["ETHUSDT"] == "")


async def test_messages_of_nobody_knows_whom(exchange: Exchange) -> None:
    """An unreadable message is reported for no symbol, ends nothing, and has quiet symbols asked about soon."""
    source = new_ws(exchange, SYMBOLS, doubts=DOUBTS)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        for text in ("hello", "{", '{"stream":7}', "[" * 5_000):
            exchange.say(text)
        await eventually(lambda: len(listener.misread) == 4)
        assert {None} == {*listener.misread}
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(listener.updates, "BTCUSDT", "7.00000000")
    assert (1, {}) == (source.counters["connects"], listener.was_lacking)


async def test_halt_and_resume(exchange: Exchange) -> None:
    """A halted symbol is not uncovered; when it resumes, its price is requested, and its stream counts."""
    rest = structs.replace(REST, absent_s=0.2, doubt_s=0.1)
    source = new_ws(exchange, SYMBOLS, rest, doubts=DOUBTS)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.market.set_status("ETHUSDT", "HALT")
        # Nobody doubts it but for its silence.
        await eventually(lambda: [its.status for _, its in listener.listings] == ["halted"])
        exchange.quote("BTCUSDT", bid="7.00000000")
        exchange.market.set_status("ETHUSDT", "TRADING")
        await eventually(lambda: [its.status for _, its in listener.listings] == ["halted", "trading"])
        exchange.quote("ETHUSDT", bid="8.00000000")
        await arrived(listener.updates, "ETHUSDT", "8.00000000")
    assert {} == listener.was_lacking


async def test_listed_while_running(exchange: Exchange) -> None:
    """A symbol that was unknown at the start is received by its stream as soon as it is listed."""
    rest = structs.replace(REST, absent_s=0.2)
    source = new_ws(exchange, [*SYMBOLS, "NEWUSDT"], rest)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.market.enlist("NEWUSDT")
        await eventually(lambda: listener.listings and listener.listings[-1][1].status == "trading")
        await arrived(listener.updates, "NEWUSDT", "100.00000000")
        exchange.quote("NEWUSDT", bid="7.00000000", update_id=500_000_000)
        await eventually(lambda: any(update.update_id == 500_000_000 for update in listener.updates))
    assert (1, {}) == (source.counters["connects"], listener.was_lacking)


async def test_delisted_while_rest_stands_in(exchange: Exchange) -> None:
    """The refused list is corrected at once, and the others' prices continue."""
    source = new_ws(exchange, SYMBOLS, grace_s=0.05)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.faults.stream_status = 503
        exchange.drop()
        await eventually(lambda: source.state.source == "binance-rest")
        exchange.market.delist("ETHUSDT")
        await eventually(lambda: ("ETHUSDT", "delisted") in [(its, how.status) for its, how in listener.listings])
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(listener.updates, "BTCUSDT", "7.00000000")
        asked = len(exchange.requests)
        await eventually(lambda: len(exchange.requests) > asked + 4)
        named = {its.symbols for its in exchange.requests[asked:] if its.path != "exchangeInfo"}
        assert {("BTCUSDT",)} == named
        exchange.heal()
        await eventually(lambda: source.state.source == "binance-ws" and source.state.link == "up")
        await eventually(lambda: listener.lacking == {})


@asynccontextmanager
async def taking_in(
    exchange: Exchange, symbols: list[str], **timing: Any
) -> AsyncIterator[tuple[dict[str, Tick], Any]]:
    """A source that reports to a poller's own intake: the newest tick of each symbol, and its state."""
    rest = structs.replace(REST, absent_s=0.2, doubt_s=0.05, quiet_s=0.2)
    source, ticks, states = (
        new_ws(exchange, symbols, rest, doubts=DOUBTS, **timing),
        dict[str, Tick](),
        SymbolStates(now_us),
    )
    quality = QualityMonitor(asyncio.get_running_loop().time, now_us)
    numbers = count(1)
    intake = Intake(
        await source.instruments(),
        lambda _: next(numbers),
        lambda tick: ticks.update({tick.symbol: tick}),
        quality,
        states,
        doubt=source.doubt,
        now_us=now_us,
    )

    def state(symbol: str) -> tuple[str, str]:
        states.settle(quality.problems(), up=source.state.link == "up")
        whole = states.whole()
        return next(((its.state, its.reason) for its in whole.others if its.symbol == symbol), ("live", ""))

    running = asyncio.create_task(source.run(intake))
    try:
        await eventually(lambda: ticks.keys() == set(symbols))
        yield ticks, state
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("kind", "step", "changes", "scales"),
    [
        ("PRICE_FILTER", {"tickSize": "0.00100000"}, {"bid": "100.00500000"}, (3, 5)),
        ("PRICE_FILTER", {"tickSize": "0.00000100"}, {"ask": "100.01000100"}, (6, 5)),
        ("LOT_SIZE", {"stepSize": "0.00000100"}, {"bid_size": "1.00000100"}, (2, 6)),
    ],
)
async def test_steps_that_change_while_running(
    exchange: Exchange, kind: str, step: dict[str, str], changes: dict[str, Any], scales: tuple[int, int]
) -> None:
    """A finer quote is a tick at once, at its own scale; the instrument is read again, and nothing is stale."""
    async with taking_in(exchange, SYMBOLS) as (ticks, state):
        exchange.market.set_filter("BTCUSDT", kind, **step)
        exchange.quote("BTCUSDT", **changes)
        await eventually(lambda: (ticks["BTCUSDT"].price_scale, ticks["BTCUSDT"].size_scale) == scales)
        # From now on coarse quotes have the new scales, too: those of the instrument.
        await eventually(lambda: exchange.requests[-1].path == "exchangeInfo")
        for number in range(200):
            exchange.quote("BTCUSDT", bid=f"{number % 2 + 50}.0", bid_size="1.0", ask="60.0", last="50.0")
            await asyncio.sleep(0.01)
            if (ticks["BTCUSDT"].bid, ticks["BTCUSDT"].price_scale, ticks["BTCUSDT"].size_scale) == (
                50 * 10 ** scales[0],
                *scales,
            ):
                break
        assert (scales, ("live", "")) == ((ticks["BTCUSDT"].price_scale, ticks["BTCUSDT"].size_scale), state("BTCUSDT"))


@pytest.mark.parametrize(
    ("changes", "present"),
    [
        ({"bid": "0.00000000", "bid_size": "0.00000000"}, "ask"),
        ({"ask": None, "ask_size": None}, "bid"),
        ({"bid": "", "ask": ""}, None),
    ],
)
async def test_a_side_without_a_price(exchange: Exchange, changes: dict[str, Any], present: str | None) -> None:
    """A zero, absent or empty side is absent from the next tick, and the listing is read."""
    async with taking_in(exchange, SYMBOLS) as (ticks, state):
        looked = sum(request.path == "exchangeInfo" for request in exchange.requests)
        exchange.quote("BTCUSDT", **changes)
        await eventually(
            lambda: (
                [name for name in ("bid", "ask") if getattr(ticks["BTCUSDT"], name) is not UNSET]
                == [present] * bool(present)
            )
        )
        await eventually(lambda: sum(request.path == "exchangeInfo" for request in exchange.requests) > looked)
        assert ("live", "") == state("BTCUSDT")


async def test_states_of_symbols_beside_each_other(exchange: Exchange) -> None:
    """A halted, a delisted, a dead and a live symbol each have their state, and are live again when they recover."""
    symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]
    async with Exchange(symbols, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        async with taking_in(exchange, symbols) as (ticks, state):
            exchange.market.set_status("ETHUSDT", "BREAK")
            exchange.quote("ETHUSDT", bid="0.00000000", ask="0.00000000")
            exchange.market.delist("SOLUSDT")
            exchange.faults.quiet_streams.add("xrpusdt@bookTicker")
            exchange.quote("XRPUSDT", bid="7.00000000")
            await eventually(lambda: state("ETHUSDT")[0] == "halted")
            await eventually(lambda: state("SOLUSDT")[0] == "delisted")
            await eventually(lambda: state("XRPUSDT") == ("stale", DEAD))
            assert ("live", "") == state("BTCUSDT")
            assert UNSET is ticks["SOLUSDT"].bid
            await eventually(lambda: state("XRPUSDT") == ("live", f"by REST: {DEAD}"))
            exchange.heal()
            exchange.market.set_status("ETHUSDT", "TRADING")
            exchange.market.enlist("SOLUSDT")
            for symbol in symbols[1:]:
                exchange.quote(symbol, bid="8.00000000", ask="9.00000000")
            await eventually(lambda: [("live", "")] * 4 == [state(symbol) for symbol in symbols])
            await eventually(lambda: [800] * 3 == [ticks[symbol].bid for symbol in symbols[1:]])
        assert [] == exchange.violations
