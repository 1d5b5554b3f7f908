"""Coinbase Exchange by its streams: exact numbers, true state, recovery from every fault."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import structs

from market.prices.instruments import Instrument, Scales
from poller.coverage.source import StreamSource
from poller.coverage.staleness import SILENT, UNSEEDED, UNUSABLE
from poller.errors import UnknownSymbolError
from poller.rest.timing import RestTiming
from poller.source import Update
from poller.stream.timing import DoubtTiming, StreamTiming
from poller.venues.coinbase.dialect import LIMITS
from poller.venues.coinbase.streams import CoinbaseStreams
from tests.exchange.coinbase import CoinbaseExchange, CoinbaseLimits
from tests.poller.listening import arrived, bare, bids, eventually, heeding, listening, now_us

BTC, ETH = "coinbase:BTC-USD", "coinbase:ETH-USD"
TIMING = StreamTiming(
    connect_timeout_s=5.0,
    reply_timeout_s=5.0,
    ready_timeout_s=20.0,
    quiet_s=20.0,
    review_s=0.05,
    grace_s=10.0,
    backoff_base_s=0.02,
    backoff_cap_s=0.1,
    close_timeout_s=0.1,
)
REST = RestTiming(doubts_gap_s=0.02, request_timeout_s=5.0, backoff_base_s=0.02, backoff_cap_s=0.1)
HURRY = CoinbaseLimits(heartbeat_s=0.05, batch_s=0.01, connects=1_000)


def new_source(exchange: CoinbaseExchange, *symbols: str, rest: RestTiming = REST, **timing: Any) -> StreamSource:
    """`coinbase-ws` on the local exchange, in a hurry."""
    given = {name: timing.pop(name) for name in LIMITS.__struct_fields__ if name in timing}
    limits = structs.replace(LIMITS, **{"received_within_s": 20.0, "connects_per_window": 900, **given})
    return StreamSource(
        symbols,
        CoinbaseStreams(exchange.rest_url, limits),
        exchange.ws_url,
        now_us=now_us,
        rng=random.Random(1),
        timing=structs.replace(TIMING, **timing),
        rest_timing=rest,
    )


@pytest.fixture
async def exchange() -> AsyncIterator[CoinbaseExchange]:
    """A local exchange; a broken limit fails the test."""
    async with CoinbaseExchange(["BTC-USD", "ETH-USD", "A-B"], HURRY) as exchange:
        yield exchange
        assert [] == exchange.violations


def quotes(updates: list[Update], symbol: str) -> list[tuple[str | None, ...]]:
    """Bid, bid size, ask, ask size of one symbol's quotes, in order."""
    return [(its.bid, its.bid_size, its.ask, its.ask_size) for its in updates if its.symbol == symbol and its.bid]


async def test_right_numbers(exchange: CoinbaseExchange) -> None:
    """Quotes are the top of the book, not the ticker's; last price and volume are the ticker's."""
    source = new_source(exchange, BTC, ETH)
    found = await source.instruments()
    expected_listing = {BTC: Instrument("trading", Scales(2, 8)), ETH: Instrument("trading", Scales(2, 8))}
    assert expected_listing == {symbol: bare(its) for symbol, its in found.items()}
    async with listening(source) as updates:
        await arrived(updates, BTC, "100.00")
        await arrived(updates, ETH, "100.00")
        exchange.quote("BTC-USD", "100.50", "100.60", "0.25000000")
        await arrived(updates, BTC, "100.50")
        exchange.trade("BTC-USD", "100.60")
        await eventually(lambda: any(its.last == "100.60" for its in updates))
        assert ("coinbase-ws", "up", "") == (source.state.source, source.state.link, source.state.reason)
    expected = [
        ("100.00", "1.00000000", "100.01", "2.00000000"),
        ("100.50", "0.25000000", "100.60", "0.25000000"),
    ]
    assert expected == quotes(updates, BTC)
    assert expected[:1] == quotes(updates, ETH)
    last = [its for its in updates if its.last is not None and its.symbol == BTC]
    assert [("100.00", "12153.23610960"), ("100.60", "12153.23610960")] == [(its.last, its.volume) for its in last]
    assert all(its.event_us is not None and abs(its.event_us - now_us()) < 60_000_000 for its in updates)
    assert 0 == source.counters["malformed"]
    assert all(connection.compressed for connection in exchange.connections)


async def test_a_quiet_market_is_live(exchange: CoinbaseExchange) -> None:
    """Heartbeats are enough: no request, no reconnect."""
    source = new_source(exchange, BTC, received_within_s=0.5, quiet_s=0.5)
    async with heeding(source) as listener:
        await arrived(listener.updates, BTC, "100.00")
        heartbeats = exchange.connections[0].subscribed
        started = now_us()
        await eventually(lambda: now_us() - started > 1_500_000)
        assert {"BTC-USD": None} == heartbeats["heartbeat"]
    assert ({}, 1, ["/products"]) == (listener.was_lacking, len(exchange.connections), exchange.requests)


async def test_a_symbol_without_heartbeats_is_dead(exchange: CoinbaseExchange) -> None:
    """It alone is stale; another connection is tried, and when it sends again it is live."""
    source = new_source(exchange, BTC, ETH, received_within_s=1.5, replace_s=0.2)
    async with heeding(source) as listener:
        await arrived(listener.updates, BTC, "100.00")
        exchange.silent.add("BTC-USD")
        await eventually(lambda: listener.lacking == {BTC: SILENT})
        await eventually(lambda: len(exchange.connections) == 2 and exchange.connections[1].granted_at)
        await eventually(lambda: (source.state.link, source.state.reason) == ("up", f"nothing comes of {BTC}"))
        assert [BTC] == [*listener.lacking]
        exchange.silent.clear()
        exchange.quote("BTC-USD", "90.00", "90.01")
        # A heartbeat comes before the price, or after it.
        await eventually(lambda: not listener.lacking and source.state.reason == "")
        await arrived(listener.updates, BTC, "90.00")
    assert {BTC} == set(listener.was_lacking)


async def test_outage_and_return(exchange: CoinbaseExchange) -> None:
    """While the exchange is down its symbols are stale, without a stand-in; with the new book they are live."""
    source = new_source(exchange, BTC, grace_s=0.1)
    async with heeding(source) as listener:
        await arrived(listener.updates, BTC, "100.00")
        await exchange.refuse()
        exchange.drop()
        await eventually(lambda: listener.lacking and source.state.link == "down")
        assert listener.lacking[BTC].startswith("its stream is down: ")
        assert source.state.reason.startswith("stream down: ")
        exchange.quote("BTC-USD", "90.00", "90.01")
        await exchange.accept()
        await arrived(listener.updates, BTC, "90.00")
        await eventually(lambda: not listener.lacking and source.state.link == "up")
    assert 1 <= source.counters["reconnects"]


async def test_a_connection_without_a_book_is_not_relied_on(exchange: CoinbaseExchange) -> None:
    """The symbols of a server that grants everything and then sends nothing are stale."""
    exchange.products["BTC-USD"].snapshot = lambda: {"type": "heartbeat", "product_id": "BTC-USD"}  # type: ignore[method-assign]
    source = new_source(exchange, BTC, ETH, grace_s=0.1)
    async with heeding(source) as listener:
        await eventually(lambda: listener.lacking == {BTC: UNSEEDED})
        assert "up" == source.state.link


async def test_frozen_exchange_is_noticed(exchange: CoinbaseExchange) -> None:
    """An open connection on which nothing arrives is replaced."""
    source = new_source(exchange, BTC, received_within_s=0.3, grace_s=0.2, replace_s=0.2)
    async with heeding(source) as listener:
        await arrived(listener.updates, BTC, "100.00")
        exchange.frozen = True
        await eventually(lambda: listener.lacking.get(BTC) == SILENT and len(exchange.connections) >= 2)
        exchange.frozen = False
        exchange.quote("BTC-USD", "90.00", "90.01")
        await eventually(lambda: not listener.lacking)


async def test_a_product_that_is_refused_takes_no_other_along(exchange: CoinbaseExchange) -> None:
    """A refused symbol is looked up, not subscribed again and again; the connection is ready without it."""
    # The first look at the list may be before the product is there: the next one is soon.
    source = new_source(exchange, BTC, "coinbase:NO-PE", rest=structs.replace(REST, absent_s=0.1))
    async with heeding(source) as listener:
        await arrived(listener.updates, BTC, "100.00")
        await eventually(lambda: source.state.link == "up")
        assert 1 == source.counters["subscribe_errors"]
        exchange.products["NO-PE"] = type(exchange.products["BTC-USD"])("NO-PE")
        await arrived(listener.updates, "coinbase:NO-PE", "100.00")
    expected = [("coinbase:NO-PE", Instrument("trading", Scales(2, 8)))]
    assert expected == [(symbol, bare(its)) for symbol, its in listener.listings]
    assert 1 == len(exchange.connections)


async def test_no_symbol_is_listed(exchange: CoinbaseExchange) -> None:
    """The start names the first of them, and what it may be meant for."""
    with pytest.raises(UnknownSymbolError, match=r"names coinbase:BTC-USDD, which .* did you mean coinbase:BTC-USD\?"):
        await new_source(exchange, "coinbase:BTC-USDD").instruments()


async def test_a_halt_is_reported(exchange: CoinbaseExchange) -> None:
    """A product whose trading is disabled is found at the next look, and so is its return."""
    source = new_source(exchange, BTC, ETH, rest=structs.replace(REST, absent_s=0.1))
    async with heeding(source) as listener:
        await arrived(listener.updates, BTC, "100.00")
        exchange.products["BTC-USD"].listing["trading_disabled"] = True
        await eventually(lambda: [(its, to.status) for its, to in listener.listings] == [(BTC, "halted")])
        exchange.products["BTC-USD"].listing["trading_disabled"] = False
        await eventually(lambda: [to.status for _, to in listener.listings] == ["halted", "trading"])


async def test_a_book_that_makes_no_sense_is_reported_anew(exchange: CoinbaseExchange) -> None:
    """Unusable quotes make the symbol unreliable, and another connection brings the whole book."""
    doubts = DoubtTiming(unusable_s=0.2)
    source = new_source(exchange, BTC, doubts=doubts)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.say('{"type":"l2update","product_id":"BTC-USD","changes":[["buy","x","1"]],"time":"now"}')
        await eventually(lambda: listener.lacking == {BTC: UNUSABLE})
        assert [BTC] == listener.misread
        await eventually(lambda: len(exchange.connections) == 2 and not listener.lacking)


async def test_renewal_loses_nothing(exchange: CoinbaseExchange) -> None:
    """After an error that ends a connection, the next one is ready before the old one ends; the link stays up."""
    source = new_source(exchange, BTC, steady_s=0.0)
    async with heeding(source) as listener:
        await arrived(listener.updates, BTC, "100.00")
        await eventually(lambda: source.state.link == "up")
        since_us = source.state.since_us
        exchange.say('{"type":"error","message":"ErrSlowConsume"}')
        await eventually(lambda: len(exchange.connections) == 2 and exchange.connections[0].closed_at)
        exchange.quote("BTC-USD", "90.00", "90.01")
        await arrived(listener.updates, BTC, "90.00")
        assert ("up", since_us) == (source.state.link, source.state.since_us)
    old, new = exchange.connections
    assert old.closed_at is not None
    assert new.granted_at is not None
    assert old.closed_at >= new.granted_at


async def test_symbols_come_and_go(exchange: CoinbaseExchange) -> None:
    """New symbols go to the present connection while it has room, then to another one."""
    source = new_source(exchange, BTC, symbols_per_connection=2)
    async with heeding(source) as listener:
        await arrived(listener.updates, BTC, "100.00")
        source.serve([BTC, ETH, "coinbase:A-B"])
        await arrived(listener.updates, ETH, "100.00")
        await arrived(listener.updates, "coinbase:A-B", "100.00")
        assert 2 == len(exchange.connections)
        source.serve([ETH, "coinbase:A-B"])
        await eventually(lambda: "BTC-USD" not in exchange.connections[0].subscribed["ticker"])
        exchange.quote("BTC-USD", "90.00", "90.01")
        exchange.quote("ETH-USD", "80.00", "80.01")
        await arrived(listener.updates, ETH, "80.00")
        assert ["100.00"] == bids(listener.updates, BTC)


async def test_many_symbols_within_every_limit() -> None:
    """Two hundred symbols are subscribed at the allowed pace, on several connections."""
    names = [f"S{number:03d}-USD" for number in range(200)]
    async with CoinbaseExchange(names, structs.replace(HURRY, heartbeat_s=1.0, connects=8)) as exchange:
        source = new_source(exchange, *(f"coinbase:{name}" for name in names), connects_per_window=4)
        async with listening(source) as updates:
            await eventually(lambda: len({its.symbol for its in updates if its.bid}) == 200, within_s=60)
        assert ([], 4) == (exchange.violations, len(exchange.connections))
