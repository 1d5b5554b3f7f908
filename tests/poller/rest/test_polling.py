"""The requests: which, how often, and at what weight."""

import random
from collections.abc import AsyncIterator, Mapping
from typing import cast

import pytest
from msgspec import structs

from poller.coverage.staleness import MISSING
from poller.network.counters import Counters
from poller.rest.client import Failure, RestClient
from poller.rest.polling import Polling
from poller.rest.timing import RestTiming
from poller.venues.binance.rest import QUESTIONS
from tests.exchange import Exchange, Limits
from tests.poller.listening import LIMITS, arrived, bids, eventually, heeding, listening, new_rest

MANY = [f"S{number:03d}USDT" for number in range(600)]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; a broken limit fails the test."""
    # Tests are in a hurry: some hundred seconds' requests in one.
    async with Exchange(["BTCUSDT", "ETHUSDT", *MANY], structs.replace(LIMITS, weight=1_000_000)) as exchange:
        yield exchange
        assert [] == exchange.violations


async def test_very_many_symbols_are_filtered_from_all(exchange: Exchange) -> None:
    """For more symbols than a URL should name all are requested and ours are emitted; summaries go by twenties."""
    async with listening(new_rest(exchange, MANY)) as updates:
        await eventually(lambda: {update.symbol for update in updates if update.last} == set(MANY))
    assert {update.symbol for update in updates} == set(MANY)
    for request in exchange.requests:
        if request.path == "ticker/bookTicker":
            assert (None, 4) == (request.symbols, request.weight)
        elif request.path == "ticker/24hr":
            assert 2 == request.weight
            assert request.symbols is not None
            assert len(request.symbols) <= 20


async def test_whole_market_at_its_own_interval() -> None:
    """Above 800 symbols, one less frequent summary of all symbols is cheaper than all the twenties."""
    everything = [f"S{number:04d}USDT" for number in range(801)]
    async with Exchange(everything, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        async with listening(new_rest(exchange, everything, market_interval_s=30.0)) as updates:
            await eventually(lambda: len(exchange.requests) >= 20)
        assert set(everything) == {update.symbol for update in updates if update.last}
        assert [80] == [request.weight for request in exchange.requests if request.path == "ticker/24hr"]


async def test_slows_down_before_the_limit() -> None:
    """At any speed the limit that ``exchangeInfo`` gives is never exceeded, minute after minute."""
    limits = Limits(weight=200, weight_window_s=0.5)
    async with Exchange(["BTCUSDT", "ETHUSDT"], limits) as exchange:
        source = new_rest(exchange, ["BTCUSDT", "ETHUSDT"], interval_s=0.001, weight_window_s=0.5)
        async with listening(source):
            await eventually(lambda: "asking less often: weight" in source.state.reason)
            seen = len(exchange.requests)
            await eventually(lambda: len(exchange.requests) >= seen + 60)
        assert [] == exchange.violations
        assert 100 < exchange.peak_weight <= 200


async def test_shares_the_limit_with_others_on_the_ip() -> None:
    """The answers show weight that others used; above the hard limit no more requests are sent."""
    limits = Limits(weight=6000, weight_window_s=3600.0)
    async with Exchange(["BTCUSDT"], limits) as exchange:
        source = new_rest(exchange, ["BTCUSDT"], quiet_s=0.2, weight_window_s=3600.0)
        async with listening(source):
            await eventually(lambda: source.state.link == "up")
            exchange.spend_weight(5600)
            await eventually(lambda: source.counters["used_weight"] > 5600)
            asked = len(exchange.requests)
            await eventually(lambda: source.state.link == "down")
            assert asked == len(exchange.requests)
        assert [] == exchange.violations


async def test_failing_summaries_do_not_hold_back_quotes(exchange: Exchange) -> None:
    """Quotes continue each interval while only ``24hr`` fails."""
    exchange.answer(500, path="ticker/24hr")
    source = new_rest(exchange, ["BTCUSDT"])
    async with listening(source) as updates:
        await eventually(lambda: len(bids(updates, "BTCUSDT")) >= 10)
        assert "up" == source.state.link
        assert not [update for update in updates if update.last]
        exchange.heal()
        await eventually(lambda: [update for update in updates if update.last])


async def test_delisted_symbol_does_not_take_the_others_along(exchange: Exchange) -> None:
    """If the exchange refuses a list because of one symbol, all symbols are requested until the listing shows which."""
    source = new_rest(exchange, ["BTCUSDT", "ETHUSDT"])
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.market.delist("ETHUSDT")
        await eventually(lambda: any(request.status == 400 for request in exchange.requests))
        exchange.quote("BTCUSDT", bid="8.00000000", last="8.00000000")
        await arrived(listener.updates, "BTCUSDT", "8.00000000")
        await eventually(lambda: any(update.last == "8.00000000" for update in listener.updates))
        await eventually(lambda: listener.listings)
        assert [("ETHUSDT", "delisted")] == [(symbol, its.status) for symbol, its in listener.listings]
        assert "BTCUSDT" not in listener.was_lacking
        # Those that ask for all, or for the list as it was, may still be on their way.
        await eventually(lambda: {("BTCUSDT",)} == {request.symbols for request in exchange.requests[-7:]})
        refused = sum(request.status == 400 for request in exchange.requests)
        asked = len(exchange.requests)
        await eventually(lambda: len(exchange.requests) > asked + 6)
        assert {("BTCUSDT",)} == {request.symbols for request in exchange.requests[asked:]}
        assert refused == sum(request.status == 400 for request in exchange.requests)


async def test_a_refusal_that_comes_after_the_listing_is_none_of_the_next_question() -> None:
    """A refusal of the old list does not count: the next request names the listed symbols, not the whole market."""
    named: list[bool] = []

    class Client:
        """Refuses the first request, during which the listing is read again."""

        async def get(self, _path: str, query: Mapping[str, str], _weight: int) -> bytes | Failure:
            named.append(bool(query))
            if len(named) == 1:
                polling.named_again()
                return Failure("HTTP 400: Invalid symbol.", QUESTIONS.not_listed)
            return b'[{"symbol":"BTCUSDT","bidPrice":"1","askPrice":"2"}]'

    polling = Polling(
        cast("RestClient", Client()),
        QUESTIONS,
        lambda: ("BTCUSDT",),
        timing=RestTiming(),
        counters=Counters(),
        now_us=lambda: 1,
        rng=random.Random(1),
        changed=lambda: None,
        answered=lambda _found, _missing: None,
        refused=lambda _symbols: None,
    )
    assert isinstance(await polling.quotes(("BTCUSDT", "ETHUSDT"), lambda _: None), Failure)
    assert await polling.quotes(("BTCUSDT",), lambda _: None) is None
    assert [True, True] == named


async def test_all_delisted_is_reported_and_recovered_from(exchange: Exchange) -> None:
    """Without any listed symbol the link is down with the reason; a symbol that is listed again is requested."""
    source = new_rest(exchange, ["BTCUSDT"], absent_s=0.1)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.market.delist("BTCUSDT")
        await eventually(lambda: listener.listings)
        source._polling._silent(0.0)
        links: list[str] = [source.state.link]
        exchange.market.enlist("BTCUSDT")
        exchange.quote("BTCUSDT", bid="8.00000000")
        await arrived(listener.updates, "BTCUSDT", "8.00000000")
        links.append(source.state.link)
        assert ["down", "up"] == links


async def test_symbols_of_other_scripts_are_polled() -> None:
    """A list with a Unicode symbol is encoded as the exchange accepts it."""
    async with Exchange(["BTCUSDT", "币安人生USDT"], structs.replace(LIMITS, weight=1_000_000)) as exchange:
        async with listening(new_rest(exchange, ["BTCUSDT", "币安人生USDT"])) as updates:
            exchange.quote("币安人生USDT", bid="7.00000000")
            await arrived(updates, "币安人生USDT", "7.00000000")
        assert {200} == {request.status for request in exchange.requests}
        assert [] == exchange.violations


@pytest.mark.parametrize("symbols", [["BTCUSDT", "ETHUSDT"], ["BTCUSDT", *MANY]])
async def test_a_symbol_gone_from_the_answers(exchange: Exchange, symbols: list[str]) -> None:
    """A missing symbol is uncovered within the quiet time and looked up, the others are not; back, it is covered."""
    gone = symbols[-1]
    source = new_rest(exchange, symbols, quiet_s=0.3)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.faults.left_out.add(gone)
        looked = sum(request.path == "exchangeInfo" for request in exchange.requests)
        await eventually(lambda: listener.lacking == {gone: MISSING})
        await eventually(lambda: sum(request.path == "exchangeInfo" for request in exchange.requests) > looked)
        assert "up" == source.state.link
        exchange.heal()
        await eventually(lambda: listener.lacking == {})
    assert {gone} == listener.was_lacking.keys()


async def test_a_symbol_that_was_not_asked_for_meanwhile_is_not_missing_at_once(exchange: Exchange) -> None:
    """A symbol that is requested again has its quiet time again."""
    source = new_rest(exchange, ["BTCUSDT", "ETHUSDT"], quiet_s=0.3)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        source._polling._look_for(("BTCUSDT", "ETHUSDT"), {"BTCUSDT", "ETHUSDT"}, 0.0)
        source._polling._look_for(("BTCUSDT",), {"BTCUSDT"}, 1.0)
        source._polling._look_for(("BTCUSDT", "ETHUSDT"), {"BTCUSDT"}, 2.0)
        assert {} == listener.was_lacking
        source._polling._look_for(("BTCUSDT", "ETHUSDT"), {"BTCUSDT"}, 2.5)
        assert {"ETHUSDT"} == listener.was_lacking.keys()


async def test_symbols_added_and_removed_while_polling(exchange: Exchange) -> None:
    """The next request names new symbols that are listed, and no removed ones."""
    source = new_rest(exchange, ["BTCUSDT", "ETHUSDT"])
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        source.serve(["BTCUSDT", "S000USDT", "NOPEUSDT"])
        await arrived(listener.updates, "S000USDT", "100.00000000")
        # Those that ask for the new one alone may still be on their way.
        await eventually(
            lambda: (
                [("BTCUSDT", "S000USDT")] * 5
                == [its.symbols for its in exchange.requests if its.path != "exchangeInfo"][-5:]
            )
        )
        assert "ETHUSDT" not in listener.was_lacking
