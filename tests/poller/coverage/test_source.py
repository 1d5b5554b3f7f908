"""Exact numbers, true state, REST in place of streams. Faults of one connection are in `test_connection`."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from poller.coverage.staleness import DEAD, UNSEEDED
from poller.source import Update
from tests.exchange import Exchange
from tests.poller.listening import (
    DOUBTS,
    LIMITS,
    REST,
    arrived,
    bids,
    eventually,
    heeding,
    listening,
    new_ws,
)

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; a broken limit fails the test."""
    async with Exchange(SYMBOLS, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        yield exchange
        assert [] == exchange.violations


async def test_right_numbers(exchange: Exchange) -> None:
    """Quotes arrive to the digit with their update ids, summaries with their event times."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.quote(
            "BTCUSDT",
            bid="60000.01000000",
            bid_size="1.20000000",
            ask="60000.02000000",
            ask_size="0.80000000",
            last="60000.01000000",
            volume="1234.50000000",
            update_id=400900300,
        )
        # The stream's own: what REST answers has neither id nor time.
        await eventually(lambda: any(update.update_id == 400900300 for update in updates))
        await eventually(lambda: any(update.last == "60000.01000000" and update.event_us for update in updates))
    quote = next(update for update in updates if update.update_id == 400900300)
    summary = next(update for update in updates if update.last == "60000.01000000" and update.event_us)
    assert quote == Update(
        symbol="BTCUSDT",
        recv_us=quote.recv_us,
        update_id=400900300,
        bid="60000.01000000",
        bid_size="1.20000000",
        ask="60000.02000000",
        ask_size="0.80000000",
    )
    assert summary == Update(
        symbol="BTCUSDT",
        recv_us=summary.recv_us,
        event_us=summary.event_us,
        last="60000.01000000",
        volume="1234.50000000",
        stats=summary.stats,
    )
    assert summary.event_us is not None
    assert summary.stats is not None
    assert (summary.event_us, "60000.01000000", "1.0") == (summary.stats.ts_us, summary.stats.last, summary.stats.high)
    assert 0 == summary.event_us % 1000
    assert abs(summary.recv_us - summary.event_us) < 60_000_000


async def test_every_update_arrives_once_and_in_order(exchange: Exchange) -> None:
    """A thousand changes in a row all arrive, in their order."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        for number in range(1, 1001):
            exchange.quote("BTCUSDT", bid=f"{number}.00000000", update_id=500_000_000 + number)
        # By its id: the price alone may come by REST first, which answers what a new stream cannot know.
        await eventually(lambda: any(update.update_id == 500_001_000 for update in updates))
    ids = [update.update_id for update in updates if update.update_id is not None]
    assert [500_000_000 + number for number in range(1, 1001)] == ids


async def test_nothing_is_judged(exchange: Exchange) -> None:
    """Repeated and older update ids, empty and crossed quotes are passed on: the processor checks them."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.quote("BTCUSDT", bid="1.00000000", update_id=900)
        exchange.quote("BTCUSDT", bid="2.00000000", update_id=900)
        exchange.quote("BTCUSDT", bid="3.00000000", update_id=800)
        exchange.quote("BTCUSDT", bid="0.00000000", ask=None)
        exchange.quote("BTCUSDT", bid="5.00000000", ask="4.00000000")
        await eventually(lambda: any(update.update_id == 802 for update in updates))
    expected = [
        (900, "1.00000000", "100.01000000"),
        (900, "2.00000000", "100.01000000"),
        (800, "3.00000000", "100.01000000"),
        (801, "0.00000000", None),
        (802, "5.00000000", "4.00000000"),
    ]
    assert expected == [(update.update_id, update.bid, update.ask) for update in updates if update.update_id]


async def test_state_follows_the_stream(exchange: Exchange) -> None:
    """Down before the first price, up with it; a short loss shows, and ``since_us`` moves only with up and down."""
    source = new_ws(exchange, SYMBOLS)
    first = source.state
    assert ("binance-ws", "down") == (first.source, first.link)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        up = source.state
        assert ("binance-ws", "") == (up.source, up.reason)
        assert up.since_us > first.since_us
        exchange.faults.stream_status = 503
        exchange.drop()
        await eventually(lambda: source.state.link == "down")
        down = source.state
        assert "stream down: " in down.reason
        await eventually(lambda: "503" in source.state.reason)
        assert down.since_us == source.state.since_us
        exchange.heal()
        await eventually(lambda: source.state.link == "up")
        assert source.state.since_us > down.since_us
        assert source.counters["reconnects"] >= 1


async def test_rest_takes_the_streams_place_and_says_so(exchange: Exchange) -> None:
    """While streams are refused, REST brings the same symbols' prices, labelled; then the stream is back."""
    source = new_ws(exchange, SYMBOLS, grace_s=0.05)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up" and source.state.source == "binance-ws")
        exchange.faults.stream_status = 503
        exchange.drop()
        await eventually(lambda: source.state.source == "binance-rest")
        assert "up" == source.state.link
        assert "stream down: " in source.state.reason
        for symbol in SYMBOLS:
            exchange.quote(symbol, bid="7.00000000", last="7.10000000")
            await arrived(updates, symbol, "7.00000000")
        await eventually(lambda: any(update.last == "7.10000000" for update in updates))
        exchange.heal()
        await eventually(lambda: source.state.source == "binance-ws" and source.state.reason == "")
        assert "up" == source.state.link
        asked = len(exchange.requests)
        # The stream delivers again: after the questions for the new connection's quotes and summaries, none follows.
        for number in range(60):
            exchange.quote("BTCUSDT", bid=f"{number}.00000000")
            await asyncio.sleep(0.005)
        assert len(exchange.requests) <= asked + 3
    assert 1 <= source.counters["fallbacks"]


async def test_short_loss_is_no_case_for_rest(exchange: Exchange) -> None:
    """Within the grace only the quotes of the new connection are requested."""
    source = new_ws(exchange, SYMBOLS, grace_s=10.0)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        exchange.drop()
        await eventually(lambda: source.counters["reconnects"] == 1 and source.state.link == "up")
    assert 0 == source.counters["fallbacks"]


async def test_all_down_is_down_until_one_returns(exchange: Exchange) -> None:
    """With neither stream nor REST the link is down, both reasons are given, and the time stands still."""
    rest = structs.replace(REST, quiet_s=0.2)
    source = new_ws(exchange, SYMBOLS, rest, grace_s=0.05)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        await exchange.refuse()
        exchange.drop_all()
        await eventually(lambda: "REST: " in source.state.reason and source.counters["rest_errors"] >= 3)
        down = source.state
        assert "down" == down.link
        await eventually(lambda: source.counters["connects"] >= 5)
        assert down.since_us == source.state.since_us
        await exchange.accept()
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(updates, "BTCUSDT", "7.00000000")
        await eventually(lambda: source.state.link == "up" and source.state.source == "binance-ws")


async def test_frozen_exchange_is_noticed_and_recovered_from(exchange: Exchange) -> None:
    """An exchange that accepts connections and sends nothing, by stream or REST, is down; when it thaws, it is up."""
    rest = structs.replace(REST, quiet_s=0.2, request_timeout_s=0.2)
    source = new_ws(exchange, SYMBOLS, rest, grace_s=0.05, quiet_s=0.3, connect_timeout_s=0.3)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.freeze()
        await eventually(lambda: source.state.link == "down")
        await eventually(lambda: "no connection within" in source.state.reason)
        exchange.heal()
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(updates, "BTCUSDT", "7.00000000")
        await eventually(lambda: source.state.link == "up" and source.state.source == "binance-ws")


async def test_ban_during_the_fallback_is_obeyed(exchange: Exchange) -> None:
    """A 429 while REST stands in holds back REST, shows in the reason, and does not hold back the stream."""
    source = new_ws(exchange, SYMBOLS, grace_s=0.05)
    async with listening(source):
        exchange.faults.stream_status = 503
        await eventually(lambda: source.state.source == "binance-rest")
        exchange.answer(429, times=1, retry_after_s=1)
        await eventually(lambda: source.state.link == "down")
        assert "HTTP 429, asked to wait 1 s" in source.state.reason
        exchange.heal()
        await eventually(lambda: source.state.link == "up" and source.state.source == "binance-ws")
        await eventually(lambda: exchange.requests[-1].status == 200)
    stop = next(at for at, request in enumerate(exchange.requests) if request.status == 429)
    assert exchange.requests[stop + 1].at - exchange.requests[stop].at >= 1.0


async def test_changes_while_away_are_caught_up(exchange: Exchange) -> None:
    """A quote that changed between two connections is requested: streams replay nothing."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.faults.stream_status = 503
        exchange.drop()
        await eventually(lambda: source.state.link == "down")
        exchange.quote("BTCUSDT", bid="7.00000000")
        exchange.heal()
        await arrived(updates, "BTCUSDT", "7.00000000")


async def test_a_price_that_may_have_changed_meanwhile_is_not_called_live(exchange: Exchange) -> None:
    """While REST fails after a reconnect, symbols are uncovered until their stream sends or REST answers."""
    source = new_ws(exchange, SYMBOLS, grace_s=0.3)
    async with heeding(source) as listener:
        await arrived(listener.updates, "ETHUSDT", "100.00000000")
        exchange.answer(500)
        exchange.drop()
        exchange.quote("ETHUSDT", bid="7.00000000")
        await eventually(lambda: listener.lacking == dict.fromkeys(SYMBOLS, UNSEEDED))
        await eventually(lambda: source.state.link == "up")
        exchange.quote("BTCUSDT", bid="8.00000000")
        await eventually(lambda: listener.lacking == {"ETHUSDT": UNSEEDED})
        exchange.heal()
        await eventually(lambda: listener.lacking == {})
        assert "7.00000000" == bids(listener.updates, "ETHUSDT")[-1]
    assert 2 == source.counters["connects"]


async def test_last_and_volume_are_caught_up_too(exchange: Exchange) -> None:
    """The summary that changed between two connections is requested, like the quote."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.faults.stream_status = 503
        exchange.drop()
        await eventually(lambda: source.state.link == "down")
        exchange.faults.quiet_streams |= {f"{symbol.lower()}@miniTicker" for symbol in SYMBOLS}
        exchange.quote("BTCUSDT", last="7.00000000")
        exchange.quote("ETHUSDT", volume="8.00000000")
        exchange.faults.stream_status = None
        await eventually(lambda: any(update.last == "7.00000000" for update in updates))
        await eventually(lambda: any(update.volume == "8.00000000" for update in updates))


async def test_catching_up_is_tried_until_it_succeeds(exchange: Exchange) -> None:
    """When the one request for a new connection's quotes fails, it is made again."""
    exchange.answer(500, times=4)
    exchange.quote("BTCUSDT", bid="7.00000000")
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await arrived(updates, "BTCUSDT", "7.00000000")
    assert 4 == source.counters["rest_errors"]


async def test_older_answer_never_follows_a_newer_quote(exchange: Exchange) -> None:
    """A REST answer older than a quote from a stream is not emitted for that symbol."""
    exchange.faults.delay_s = 0.3
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await eventually(lambda: exchange.requests)
        # The answer, with bids of 100, is made and on its slow way.
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(updates, "ETHUSDT", "100.00000000")
        assert ["7.00000000"] == bids(updates, "BTCUSDT")


async def test_symbols_are_spread_over_connections(exchange: Exchange) -> None:
    """No connection has more streams than it may; together they have every symbol, each once."""
    symbols = [f"S{number}USDT" for number in range(7)]
    limits = structs.replace(LIMITS, streams=4)
    async with Exchange(symbols, limits) as exchange:
        source = new_ws(exchange, symbols, symbols_per_connection=2)
        async with listening(source) as updates:
            await eventually(lambda: source.state.link == "up")
            for symbol in symbols:
                exchange.quote(symbol, bid="7.00000000")
                await arrived(updates, symbol, "7.00000000")
            assert [2, 4, 4, 4] == sorted(len(connection.streams) for connection in exchange.connections)
            assert 0 == source.counters["reconnects"]
        assert [] == exchange.violations


async def test_one_lost_connection_of_several_is_reported(exchange: Exchange) -> None:
    """While some connections are down, REST brings just their symbols, and the reason has their number."""
    symbols = [f"S{number}USDT" for number in range(4)]
    async with Exchange(symbols, LIMITS) as exchange:
        source = new_ws(exchange, symbols, symbols_per_connection=2, grace_s=0.05)
        async with listening(source):
            await eventually(lambda: source.state.link == "up" and source.state.source == "binance-ws")
            lost = next(one for one in exchange.open_connections if "s3usdt@bookTicker" in one.streams)
            exchange.faults.stream_status = 503
            lost.abort()
            await eventually(lambda: source.state.source == "binance-rest")
            assert source.state.reason.startswith("1 of 2 streams down: ")
            seen = len(exchange.requests)
            await eventually(lambda: len(exchange.requests) > seen + 2)
            assert {("S2USDT", "S3USDT")} == {request.symbols for request in exchange.requests[seen:]}
            exchange.heal()
            await eventually(lambda: source.state.source == "binance-ws")
        assert [] == exchange.violations


async def test_several_lost_connections_of_some(exchange: Exchange) -> None:
    """With two of three down, their symbols are uncovered and then come by REST; the third's are not affected."""
    symbols = [f"S{number}USDT" for number in range(6)]
    async with Exchange(symbols, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        source = new_ws(exchange, symbols, symbols_per_connection=2, grace_s=0.1)
        async with heeding(source) as listener:
            await eventually(lambda: source.state.link == "up" and len(exchange.open_connections) == 3)
            kept = next(one for one in exchange.open_connections if "s0usdt@bookTicker" in one.streams)
            exchange.faults.stream_status = 503
            for connection in exchange.open_connections:
                if connection is not kept:
                    connection.abort()
            await eventually(lambda: source.state.reason.startswith("2 of 3 streams down: "))
            assert "up" == source.state.link
            for symbol in symbols:
                exchange.quote(symbol, bid="7.00000000")
                await arrived(listener.updates, symbol, "7.00000000")
            await eventually(lambda: listener.was_lacking and listener.lacking == {})
            assert set(symbols[2:]) == listener.was_lacking.keys()
            exchange.heal()
            await eventually(lambda: (source.state.source, source.state.reason) == ("binance-ws", ""))
        assert [] == exchange.violations


async def test_a_thousand_streams_within_every_limit() -> None:
    """600 symbols take two connections, and SUBSCRIBEs within the limits of streams, bytes and pace."""
    symbols = [f"SYMBOL{number:03d}USDT" for number in range(600)]
    async with Exchange(symbols, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        source = new_ws(exchange, symbols)
        async with listening(source) as updates:
            await eventually(lambda: source.state.link == "up")
            await eventually(lambda: {update.symbol for update in updates if update.last} == set(symbols))
            connections = exchange.connections
            assert [176, 1024] == sorted(len(connection.streams) for connection in connections)
            requests = [request for connection in connections for request in connection.received]
            assert max(request.size for request in requests) <= 4096
            assert max(request.streams for request in requests) <= 200
        assert [] == exchange.violations


async def test_symbols_served_with_and_without_room() -> None:
    """New symbols fill connections that have room, then get new ones; a connection without symbols is ended."""
    symbols = [f"S{number}USDT" for number in range(9)]
    async with Exchange(symbols, structs.replace(LIMITS, weight=1_000_000, streams=4)) as exchange:
        source = new_ws(exchange, symbols[:3], symbols_per_connection=2)
        async with heeding(source) as listener:
            await eventually(lambda: source.state.link == "up" and len(exchange.open_connections) == 2)
            source.serve(symbols[:6])
            for symbol in symbols[:6]:
                exchange.quote(symbol, bid="7.00000000")
                await arrived(listener.updates, symbol, "7.00000000")
            await eventually(lambda: [4, 4, 4] == [len(one.streams) for one in exchange.open_connections])
            source.serve([symbols[0], symbols[8]])
            await eventually(lambda: len(exchange.open_connections) == 1)
            assert "up" == source.state.link
            exchange.quote(symbols[8], bid="8.00000000")
            await arrived(listener.updates, symbols[8], "8.00000000")
            await asyncio.sleep(0.5)
            assert (1, 3) == (len(exchange.open_connections), len(exchange.connections))
            source.serve([symbols[0]])
            source.serve([])
            await eventually(lambda: not exchange.open_connections)
            source.serve(symbols[:2])
            exchange.quote(symbols[1], bid="9.00000000")
            await arrived(listener.updates, symbols[1], "9.00000000")
        assert {} == listener.was_lacking
        assert [] == exchange.violations


async def test_two_thousand_symbols_and_one_outage() -> None:
    """The feed's state shows the loss at once; no symbol is uncovered within the grace; REST costs little."""
    symbols = [f"S{number:04d}USDT" for number in range(2000)]
    async with Exchange(symbols, structs.replace(LIMITS, url_chars=8000)) as exchange:
        rest = structs.replace(REST, interval_s=0.5)
        source = new_ws(exchange, symbols, rest, grace_s=1.0)
        async with heeding(source) as listener:
            await eventually(lambda: source.state.link == "up" and len(exchange.open_connections) == 4, 40)
            await eventually(lambda: {its.symbol for its in listener.updates if its.last} == set(symbols), 40)
            exchange.faults.stream_status = 503
            exchange.drop()
            await eventually(lambda: source.state.link == "down")
            lost_at = asyncio.get_running_loop().time()
            assert {} == listener.was_lacking
            await eventually(lambda: listener.was_lacking or source.state.source == "binance-rest")
            assert asyncio.get_running_loop().time() - lost_at > 0.8
            await eventually(lambda: source.state.source == "binance-rest" and listener.lacking == {}, 40)
            exchange.quote(symbols[-1], bid="7.00000000")
            await arrived(listener.updates, symbols[-1], "7.00000000")
            exchange.heal()
            await eventually(lambda: source.state.source == "binance-ws" and source.state.link == "up", 40)
            await eventually(lambda: source.state.reason == "")
            assert {""} == {*listener.notes.values()}
        assert [] == exchange.violations
        assert exchange.peak_weight < 3000


async def test_two_thousand_symbols_on_connections_that_only_pong() -> None:
    """All streams dead behind live connections: found together, each connection replaced once, at little weight."""
    symbols = [f"S{number:04d}USDT" for number in range(2000)]
    async with Exchange(symbols, LIMITS) as exchange:
        rest = structs.replace(REST, interval_s=0.5, quiet_s=0.5)
        doubts = structs.replace(DOUBTS, patience_s=1.0, longest_s=4.0, gap_s=0.5)
        source = new_ws(exchange, symbols, rest, doubts=doubts)
        async with heeding(source) as listener:
            await eventually(lambda: source.state.link == "up" and len(exchange.open_connections) == 4, 40)
            # Until they are known, REST's prices are no evidence against a stream.
            await eventually(lambda: {its.symbol for its in listener.updates if its.bid} == set(symbols), 40)
            since_us = source.state.since_us
            for connection in exchange.open_connections:
                connection.quiet = True
            for symbol in symbols:
                exchange.quote(symbol, bid="7.00000000")
            await eventually(lambda: listener.was_lacking.keys() == set(symbols), 40)
            assert {DEAD} == {*listener.was_lacking.values()}
            await eventually(lambda: len(exchange.connections) == 8 and len(exchange.open_connections) == 4, 40)
            for symbol in symbols:
                exchange.quote(symbol, bid="8.00000000")
            await eventually(lambda: listener.lacking == {} and source.state.reason == "", 40)
            assert since_us == source.state.since_us
            assert {""} == {*listener.notes.values()}
        assert {"7.00000000", "8.00000000"} <= {its.bid for its in listener.updates}
        assert (8, []) == (len(exchange.connections), exchange.violations)
        assert exchange.peak_weight < 3000


async def test_cancelling_leaves_nothing_behind(exchange: Exchange) -> None:
    """A cancelled source closes every connection and ends every task."""
    before = asyncio.all_tasks()
    source = new_ws(exchange, SYMBOLS, grace_s=0.0)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
    await eventually(lambda: not exchange.open_connections and exchange.http_connections == 0)
    await eventually(lambda: asyncio.all_tasks() == before)
