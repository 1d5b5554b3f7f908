"""What is listed: asked before the first price, and again while running."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from msgspec import structs

from market.prices.instruments import Instrument, Scales
from poller.errors import UnknownSymbolError
from poller.network.backoff import Backoff
from poller.network.counters import Counters
from poller.rest.client import RestClient
from poller.venues.binance.listing import Listing
from poller.venues.binance.rest import BinanceRestDialect
from tests.exchange import Exchange
from tests.poller.listening import LIMITS, REST, arrived, bare, eventually, heeding, new_rest, new_ws

MANY = [f"S{number:03d}USDT" for number in range(600)]
UNICODE = "币安人生USDT"
QUICK = structs.replace(REST, doubt_s=0.05, absent_s=0.1, listing_s=30.0)


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; a broken limit fails the test."""
    listed = ["BTCUSDT", "ETHUSDT", "HUGEUSDT", "VENUSDT", UNICODE, *MANY]
    async with Exchange(listed, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        yield exchange
        assert [] == exchange.violations


class Changes(list[tuple[str, Instrument]]):
    """What a listing said of changes, and what it has."""

    listing: Listing

    def statuses(self, symbol: str) -> list[str]:
        return [its.status for name, its in self if name == symbol]


@asynccontextmanager
async def looking(exchange: Exchange, symbols: list[str], **timing: float) -> AsyncIterator[Changes]:
    """A listing of ``symbols`` at work."""
    rest, changes = structs.replace(QUICK, **timing), Changes()
    async with RestClient(exchange.rest_url, BinanceRestDialect(), rest, Counters()) as api:
        changes.listing = Listing(api, symbols, timing=rest, changed=lambda symbol, its: changes.append((symbol, its)))
        await changes.listing.first(Backoff(0.01, 0.1, random.Random(1)), lambda _: None)
        running = asyncio.create_task(changes.listing.run())
        try:
            yield changes
        finally:
            assert not running.done()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def named(exchange: Exchange) -> list[tuple[str, ...] | None]:
    """List the symbols that each request named."""
    return [request.symbols for request in exchange.requests]


async def test_instruments_of_some_symbols(exchange: Exchange) -> None:
    """Both sources ask for just their symbols, once, and have them in their order."""
    for source in (new_rest(exchange, ["ETHUSDT", "BTCUSDT"]), new_ws(exchange, ["ETHUSDT", "BTCUSDT"])):
        expected = [("ETHUSDT", Instrument("trading", Scales(2, 4))), ("BTCUSDT", Instrument("trading", Scales(2, 5)))]
        assert expected == [(symbol, bare(its)) for symbol, its in (await source.instruments()).items()]
    assert [("exchangeInfo", ("ETHUSDT", "BTCUSDT"), 20)] * 2 == [
        (request.path, request.symbols, request.weight) for request in exchange.requests
    ]


@pytest.mark.parametrize("symbol", ["BTCUSDT", UNICODE])
async def test_instrument_of_one_symbol(exchange: Exchange, symbol: str) -> None:
    """One symbol alone is asked for by name, too, in whatever script."""
    found = await new_rest(exchange, [symbol]).instruments()
    assert [(symbol, Instrument("trading", Scales(2, 5)))] == [(name, bare(its)) for name, its in found.items()]
    assert [(symbol,)] == named(exchange)


async def test_very_many_symbols_are_asked_for_in_parts(exchange: Exchange) -> None:
    """No question names more than a hundred, nor more than an address holds, and each symbol is named once."""
    instruments = await new_rest(exchange, [*MANY, UNICODE]).instruments()
    assert [*MANY, UNICODE] == list(instruments)
    assert [*MANY, UNICODE] == [symbol for part in named(exchange) for symbol in part or ()]
    assert max(len(part or ()) for part in named(exchange)) <= 100


async def test_halted_huge_and_unlisted_symbols_do_not_stop_the_start(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is told as it is, in the log too; the others are traded."""
    exchange.market.set_status("ETHUSDT", "HALT")
    symbols = ["BTCUSDT", "NOPEUSDT", "VENUSDT", "HUGEUSDT", "ETHUSDT", "BTC/USDT"]
    instruments = await new_ws(exchange, symbols).instruments()
    assert symbols == list(instruments)
    assert ["trading", "unknown", "halted", "trading", "halted", "unknown"] == [
        its.status for its in instruments.values()
    ]
    assert "the exchange does not list it" == instruments["NOPEUSDT"].reason
    for symbol in ("NOPEUSDT", "VENUSDT", "ETHUSDT", "BTC/USDT"):
        assert sum(message.startswith(f"{symbol} is ") for message in caplog.messages) == 1


def exchange_infos(exchange: Exchange) -> int:
    """How often it was asked what it lists."""
    return sum(request.path == "exchangeInfo" for request in exchange.requests)


async def test_absence_is_proven_by_name(exchange: Exchange) -> None:
    """A refused question does not say which one is meant: the list of all does, and who is not in it is asked for."""
    symbols = [*MANY[:50], "NOPEUSDT", *MANY[50:99]]
    instruments = await new_rest(exchange, symbols).instruments()
    assert ["NOPEUSDT"] == [symbol for symbol, its in instruments.items() if its.status == "unknown"]
    assert [tuple(symbols), None, ("NOPEUSDT",)] == named(exchange)


async def test_very_many_that_are_not_listed_cost_little(exchange: Exchange) -> None:
    """At the start a few are asked for by name; nobody waits for all of them, beside listed ones or alone."""
    absent = [f"NO{number}USDT" for number in range(150)]
    instruments = await new_rest(exchange, [*MANY[:100], *absent]).instruments()
    assert absent == [symbol for symbol, its in instruments.items() if its.status == "unknown"]
    assert len(exchange.requests) <= 25
    before = len(exchange.requests)
    with pytest.raises(UnknownSymbolError, match="SYMBOLS names NO0USDT and 149 more"):
        await new_rest(exchange, absent).instruments()
    assert len(exchange.requests) - before <= 25


async def test_many_doubts_are_one_question() -> None:
    """However many symbols do not fit, one after the other, they are looked up together, a few seconds apart."""
    async with Exchange(MANY[:300], LIMITS) as exchange:
        source = new_rest(exchange, MANY[:300], doubts_gap_s=0.5)
        async with heeding(source):
            before, began = exchange_infos(exchange), time.monotonic()
            for symbol in MANY[:300]:
                source.doubt(symbol)
                await asyncio.sleep(0.002)
            await eventually(lambda: exchange_infos(exchange) >= before + 4)
            await asyncio.sleep(0.3)
        # The first at once, the others in hundreds, which may be interrupted by later ones.
        assert exchange_infos(exchange) - before <= 4 + (time.monotonic() - began) / 0.5


async def test_an_answer_without_a_symbol_is_no_proof(exchange: Exchange) -> None:
    """One that is missing among several is asked for alone, and found."""
    body = b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]}'
    exchange.answer(200, body, times=1)
    instruments = await new_rest(exchange, ["BTCUSDT", "ETHUSDT"]).instruments()
    assert Instrument("trading", Scales(2, 4)) == bare(instruments["ETHUSDT"])
    assert [("BTCUSDT", "ETHUSDT"), ("ETHUSDT",)] == named(exchange)


@pytest.mark.parametrize("symbols", [["BTCUSD"], ["BTCUSD", "NOPE"], ["BTC/USDT"]])
async def test_only_unknown_symbols_stop_the_start(exchange: Exchange, symbols: list[str]) -> None:
    """When none is listed, the start fails in one line that names the first, and what may be meant."""
    with pytest.raises(UnknownSymbolError, match=f"SYMBOLS names {symbols[0]}.*does not list; did you mean BTC"):
        await new_ws(exchange, symbols).instruments()


@pytest.mark.parametrize("status", [403, 500, 502])
async def test_asking_goes_on_until_there_is_an_answer(exchange: Exchange, status: int) -> None:
    """An exchange that fails at first is asked again."""
    exchange.answer(status, b"<html>", times=3)
    assert ["BTCUSDT"] == list(await new_rest(exchange, ["BTCUSDT"]).instruments())
    assert [status, status, status, 200] == [request.status for request in exchange.requests]


async def test_garbage_is_no_end(exchange: Exchange) -> None:
    """An answer that is no ``exchangeInfo`` is not believed; the next one is."""
    exchange.answer(200, b'{"symbols":', times=1)
    exchange.answer(200, b"[1,2,3]", times=1)
    assert ["BTCUSDT"] == list(await new_rest(exchange, ["BTCUSDT"]).instruments())


async def test_waits_for_an_exchange_that_cannot_be_reached(exchange: Exchange) -> None:
    """While nobody answers, the state says so; when the exchange is there, so are the instruments."""
    await exchange.refuse()
    source = new_ws(exchange, ["BTCUSDT"])
    task = asyncio.create_task(source.instruments())
    await eventually(lambda: source.counters["rest_errors"] >= 2)
    assert "down" == source.state.link
    assert "cannot reach" in source.state.reason
    await exchange.accept()
    assert ["BTCUSDT"] == list(await task)


async def test_ban_at_start_is_obeyed(exchange: Exchange) -> None:
    """A 429 to the very first request holds back the second until it is over."""
    exchange.answer(429, times=1, retry_after_s=1)
    await new_rest(exchange, ["BTCUSDT"]).instruments()
    first, second = exchange.requests
    assert (429, 200) == (first.status, second.status)
    assert second.at - first.at >= 1.0


async def test_symbols_that_change_while_the_first_question_is_under_way(exchange: Exchange) -> None:
    """What is not wanted any more is left out of the answer; what is new is not unlisted, and asked for next."""
    exchange.faults.delay_s = 0.2
    rest, changes = QUICK, list[tuple[str, Instrument]]()
    async with RestClient(exchange.rest_url, BinanceRestDialect(), rest, Counters()) as api:
        listing = Listing(api, ["BTCUSDT"], timing=rest, changed=lambda symbol, its: changes.append((symbol, its)))
        first = asyncio.create_task(listing.first(Backoff(0.01, 0.1, random.Random(1)), lambda _: None))
        await eventually(lambda: exchange.requests)
        listing.serve(["ETHUSDT"])
        assert ["unknown"] == [its.status for its in (await first).values()]
        running = asyncio.create_task(listing.run())
        await eventually(lambda: listing.is_traded("ETHUSDT"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert ["unknown", "trading"] == [its.status for _, its in changes]


@pytest.mark.parametrize("status", ["BREAK", "HALT", "CANCEL_ONLY"])
async def test_a_halt_is_seen_by_doubt_and_its_end_by_itself(exchange: Exchange, status: str) -> None:
    """Doubt has it looked up at once; what is halted is looked at now and then."""
    async with looking(exchange, ["BTCUSDT", "ETHUSDT"]) as changes:
        exchange.market.set_status("ETHUSDT", status)
        changes.listing.doubt("ETHUSDT")
        await eventually(lambda: changes.statuses("ETHUSDT") == ["halted"])
        assert status in changes[-1][1].reason
        assert ("ETHUSDT",) == exchange.requests[-1].symbols
        exchange.market.set_status("ETHUSDT", "TRADING")
        await eventually(lambda: changes.statuses("ETHUSDT") == ["halted", "trading"])
        assert [] == changes.statuses("BTCUSDT")


async def test_delisting_and_listing(exchange: Exchange) -> None:
    """Gone, it is delisted with the scales it had; back, it is traded; one that never was is unknown until it is."""
    async with looking(exchange, ["BTCUSDT", "ETHUSDT", "NEWUSDT"]) as changes:
        exchange.market.delist("ETHUSDT")
        changes.listing.doubt("ETHUSDT")
        await eventually(lambda: changes.statuses("ETHUSDT") == ["delisted"])
        assert Scales(2, 4) == changes[-1][1].scales
        assert ("BTCUSDT",) == changes.listing.answerable
        exchange.market.enlist("NEWUSDT")
        await eventually(lambda: changes.statuses("NEWUSDT") == ["trading"])
        assert ["delisted"] == changes.statuses("ETHUSDT")
        exchange.market.enlist("ETHUSDT")
        await eventually(lambda: changes.statuses("ETHUSDT") == ["delisted", "trading"])


@pytest.mark.parametrize(
    ("kind", "change", "scales"),
    [
        ("PRICE_FILTER", {"tickSize": "0.00100000"}, Scales(3, 5)),
        ("PRICE_FILTER", {"tickSize": "0.10000000"}, Scales(1, 5)),
        ("LOT_SIZE", {"stepSize": "0.00000000"}, Scales(2, 0)),
    ],
)
async def test_steps_that_change_are_seen_by_the_timed_look(
    exchange: Exchange, kind: str, change: dict[str, str], scales: Scales
) -> None:
    """Nobody doubts, and the hourly look sees it all the same, of all symbols."""
    async with looking(exchange, ["BTCUSDT", "ETHUSDT"], listing_s=0.2) as changes:
        exchange.market.set_filter("BTCUSDT", kind, **change)
        expected = [("BTCUSDT", Instrument("trading", scales))]
        await eventually(lambda: expected == [(symbol, bare(its)) for symbol, its in changes])


async def test_doubts_are_bounded(exchange: Exchange) -> None:
    """However often it is doubted, one that is as it was is looked up after pauses that double."""
    async with looking(exchange, ["BTCUSDT", "ETHUSDT"], absent_s=30.0) as changes:
        asked_before = len(exchange.requests)
        ended = asyncio.get_running_loop().time() + 1.2
        while asyncio.get_running_loop().time() < ended:
            changes.listing.doubt("BTCUSDT")
            await asyncio.sleep(0.005)
        # At 0, 0.05, 0.15, 0.35 and 0.75 s.
        looks = exchange.requests[asked_before:]
        assert 3 <= len(looks) <= 5
        assert {("BTCUSDT",)} == {look.symbols for look in looks}
        pauses = [later.at - earlier.at for earlier, later in pairwise(looks[1:])]
        assert all(later > 1.5 * earlier for earlier, later in pairwise(pauses))
        assert [] == changes


async def test_a_doubt_survives_an_exchange_that_fails(exchange: Exchange) -> None:
    """What could not be looked up is looked up when the exchange answers again, and nothing is believed meanwhile."""
    async with looking(exchange, ["BTCUSDT", "ETHUSDT"]) as changes:
        exchange.market.set_status("BTCUSDT", "BREAK")
        exchange.answer(500)
        changes.listing.doubt("BTCUSDT")
        failed = len(exchange.requests)
        await eventually(lambda: len(exchange.requests) >= failed + 4)
        assert [] == changes
        exchange.heal()
        await eventually(lambda: changes.statuses("BTCUSDT") == ["halted"], 2.0)


async def test_a_removed_symbol_leaves_no_doubt_behind(exchange: Exchange) -> None:
    """Doubted and then removed, it is not asked for, and costs no processor time."""
    async with looking(exchange, ["BTCUSDT", "ETHUSDT"], absent_s=30.0) as changes:
        changes.listing.doubt("ETHUSDT")
        changes.listing.serve(["BTCUSDT"])
        asked = len(exchange.requests)
        spent = time.process_time()
        await asyncio.sleep(0.3)
        assert time.process_time() - spent < 0.1
        assert asked == len(exchange.requests)
        assert ["BTCUSDT"] == list(changes.listing.instruments)


async def test_added_symbols_are_asked_for_at_once_and_in_parts(exchange: Exchange) -> None:
    """They are unknown until the answer comes; many of them are few questions; an unlisted one stays unknown."""
    async with looking(exchange, ["BTCUSDT"], absent_s=30.0) as changes:
        asked = len(exchange.requests)
        changes.listing.serve(["BTCUSDT", *MANY[:150], "NOPEUSDT"])
        assert [("unknown", "the exchange has not been asked yet")] * 151 == [
            (its.status, its.reason) for _, its in changes
        ]
        await eventually(lambda: len(changes.listing.answerable) == 151)
        await eventually(lambda: changes.listing.instruments["NOPEUSDT"].reason == "the exchange does not list it")
        assert len(exchange.requests) - asked <= 16
        assert ["unknown", "trading"] == changes.statuses(MANY[0])


async def test_many_unlisted_symbols_are_looked_for_in_turn(exchange: Exchange) -> None:
    """Each look asks for a few of them, each alone, so that dozens cost no more than ten; each has its turn."""
    unlisted = [f"NOPE{number}USDT" for number in range(25)]
    async with looking(exchange, ["BTCUSDT", *unlisted], absent_s=0.3) as changes:
        asked = len(exchange.requests)
        exchange.market.enlist(unlisted[-1])
        await eventually(lambda: changes.statuses(unlisted[-1]) == ["trading"])
        # The traded one is looked at each time too, in a question of its own.
        looks = [look for look in named(exchange)[asked:] if look != ("BTCUSDT",)]
        assert {1} == {len(look or ()) for look in looks}
        assert 20 == len({*looks[:20]})
        assert len(looks) <= 30


async def test_a_halt_that_casts_no_doubt_is_seen_in_its_turn(exchange: Exchange) -> None:
    """Each minute a hundred of the traded symbols are looked at, those first that were longest ago."""
    async with looking(exchange, MANY[:250], absent_s=0.1) as changes:
        exchange.market.set_status(MANY[249], "HALT")
        await eventually(lambda: changes.statuses(MANY[249]) == ["halted"])
        looks = [look for look in named(exchange) if look][3:6]
    assert {100} == {len(look) for look in looks}
    assert len({symbol for look in looks for symbol in look}) == 250


async def test_sources_tell_what_is_listed_otherwise(exchange: Exchange) -> None:
    """By the stream and by REST alone: the listener hears of halts, and of prices when they are over."""
    for new in (new_ws, new_rest):
        source = new(exchange, ["BTCUSDT", "ETHUSDT"])
        source._listing._timing = QUICK  # type: ignore[attr-defined] # of Binance's listing
        async with heeding(source) as listener:
            await eventually(lambda: source.state.link == "up")  # noqa: B023 # awaited in this turn of the loop
            exchange.market.set_status("ETHUSDT", "BREAK")
            source.doubt("ETHUSDT")
            await eventually(lambda: [its.status for _, its in listener.listings] == ["halted"])
            exchange.market.set_status("ETHUSDT", "TRADING")
            await eventually(lambda: listener.listings[-1][1].status == "trading")
            exchange.quote("ETHUSDT", bid=f"{new.__name__ == 'new_ws':d}7.00000000")
            await arrived(listener.updates, "ETHUSDT", f"{new.__name__ == 'new_ws':d}7.00000000")
            assert {} == listener.lacking
