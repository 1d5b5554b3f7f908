"""Right numbers, truthful state, recovery from every fault. What is asked how often is in `test_polling`."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from poller.source import Update
from tests.exchange import Exchange
from tests.poller.listening import LIMITS, arrived, bids, eventually, heeding, listening, new_rest


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; a broken limit fails the test."""
    # Tests are in a hurry: some hundred seconds' requests in one.
    async with Exchange(["BTCUSDT", "ETHUSDT"], structs.replace(LIMITS, weight=1_000_000)) as exchange:
        yield exchange
        assert [] == exchange.violations


async def test_right_numbers(exchange: Exchange) -> None:
    """Quotes and summaries arrive to the digit, without update id and event time."""
    exchange.quote(
        "BTCUSDT",
        bid="60000.01000000",
        bid_size="1.20000000",
        ask="60000.02000000",
        ask_size="0.80000000",
        last="60000.01000000",
        volume="1234.50000000",
    )
    async with listening(new_rest(exchange, ["BTCUSDT", "ETHUSDT"])) as updates:
        await eventually(lambda: len(updates) >= 4)
    quote, summary = [update for update in updates if update.symbol == "BTCUSDT"][:2]
    assert quote.recv_us > 0
    assert quote == Update(
        symbol="BTCUSDT",
        recv_us=quote.recv_us,
        bid="60000.01000000",
        bid_size="1.20000000",
        ask="60000.02000000",
        ask_size="0.80000000",
    )
    assert summary == Update(
        symbol="BTCUSDT",
        recv_us=summary.recv_us,
        last="60000.01000000",
        volume="1234.50000000",
        stats=summary.stats,
    )
    stats = summary.stats
    assert stats is not None
    assert ("60000.01000000", "1.0", "10.0", 500) == (stats.last, stats.open, stats.change, stats.trades)


async def test_follows_every_change(exchange: Exchange) -> None:
    """The next answer brings the new price."""
    async with listening(new_rest(exchange, ["BTCUSDT"])) as updates:
        for cents in range(5):
            exchange.quote("BTCUSDT", bid=f"7.0{cents}000000")
            await arrived(updates, "BTCUSDT", f"7.0{cents}000000")


async def test_link_is_up_while_prices_arrive(exchange: Exchange) -> None:
    """Down before the first answer, up from it on, with nothing to say."""
    source = new_rest(exchange, ["BTCUSDT"])
    assert "down" == source.state.link
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        assert ("binance-rest", "") == (source.state.source, source.state.reason)


async def test_one_connection_for_all_requests(exchange: Exchange) -> None:
    """Requests share one persistent connection, and one is never under way with another."""
    async with listening(new_rest(exchange, ["BTCUSDT"])):
        await eventually(lambda: len(exchange.requests) >= 10)
        assert 1 == exchange.http_connections


@pytest.mark.parametrize("status", [429, 418])
async def test_retry_after_is_obeyed_exactly(exchange: Exchange, status: int) -> None:
    """After 429 or 418 nothing is asked until Retry-After is over; the link is down meanwhile, and says why."""
    source = new_rest(exchange, ["BTCUSDT"])
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        exchange.answer(status, times=1, retry_after_s=1)
        await eventually(lambda: source.state.link == "down")
        assert f"HTTP {status}, asked to wait 1 s" in source.state.reason
        await eventually(lambda: source.state.link == "up")
    stop = next(at for at, request in enumerate(exchange.requests) if request.status == status)
    assert exchange.requests[stop + 1].at - exchange.requests[stop].at >= 1.0


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, b"<html>"), (500, b""), (502, b"bad"), (200, b"<html>"), (200, b"[]"), (200, b'[{"symbol":7}]')],
)
async def test_recovers_from_bad_answers(exchange: Exchange, status: int, body: bytes) -> None:
    """While answers are bad the link goes down, asking goes on with pauses, and good ones fix it."""
    source = new_rest(exchange, ["BTCUSDT", "ETHUSDT"], quiet_s=0.2)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        exchange.answer(status, body)
        await eventually(lambda: source.state.link == "down")
        expected = f"HTTP {status}" if status != 200 else "an answer without prices"
        assert expected in source.state.reason
        since_us = source.state.since_us
        failed = len(exchange.requests)
        await eventually(lambda: len(exchange.requests) > failed + 3)
        assert since_us == source.state.since_us
        exchange.heal()
        exchange.quote("BTCUSDT", bid="8.00000000")
        await arrived(updates, "BTCUSDT", "8.00000000")
        assert "up" == source.state.link


async def test_slow_answers_time_out(exchange: Exchange) -> None:
    """An answer that takes too long is given up; when answers are quick again, prices are back."""
    source = new_rest(exchange, ["BTCUSDT"], request_timeout_s=0.1, quiet_s=0.3)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        exchange.faults.delay_s = 0.3
        await eventually(lambda: source.state.link == "down" and source.counters["rest_errors"] >= 2)
        exchange.heal()
        await eventually(lambda: source.state.link == "up")


async def test_frozen_exchange_is_noticed(exchange: Exchange) -> None:
    """An exchange that accepts and never answers is down after the quiet time, and up when it thaws."""
    source = new_rest(exchange, ["BTCUSDT"], request_timeout_s=0.1, quiet_s=0.2)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        exchange.freeze()
        await eventually(lambda: source.state.link == "down")
        exchange.heal()
        await eventually(lambda: source.state.link == "up")


async def test_unreachable_exchange_is_tried_again(exchange: Exchange) -> None:
    """While connections are refused the reason says so; when they are taken again, prices are back."""
    source = new_rest(exchange, ["BTCUSDT"], quiet_s=0.2)
    async with listening(source):
        await exchange.refuse()
        exchange.drop_all()
        await eventually(lambda: "cannot reach" in source.state.reason)
        await exchange.accept()
        await eventually(lambda: source.state.link == "up")


async def test_one_wrong_row_is_counted_and_the_others_pass(exchange: Exchange) -> None:
    """A price that is a number and no string costs its own symbol only."""
    exchange.answer(
        200,
        b'[{"symbol":"BTCUSDT","bidPrice":1.5},{"symbol":"ETHUSDT","bidPrice":"9.9","bidQty":"1","askPrice":"10",'
        b'"askQty":"1"}]',
        path="ticker/bookTicker",
    )
    source = new_rest(exchange, ["BTCUSDT", "ETHUSDT"])
    async with listening(source) as updates:
        await eventually(lambda: len(bids(updates, "ETHUSDT")) >= 3)
        assert [] == bids(updates, "BTCUSDT")
        assert source.counters["malformed"] >= 3


async def test_empty_and_crossed_quotes_are_passed_on(exchange: Exchange) -> None:
    """What makes no sense as a price is the processor's to judge."""
    exchange.quote("BTCUSDT", bid="0.00000000", ask=None)
    exchange.quote("ETHUSDT", bid="200.00000000", ask="100.00000000")
    async with listening(new_rest(exchange, ["BTCUSDT", "ETHUSDT"])) as updates:
        await eventually(lambda: len(updates) >= 2)
    assert [("0.00000000", None), ("200.00000000", "100.00000000")] == [
        (update.bid, update.ask) for update in updates[:2]
    ]


async def test_an_answer_under_way_brings_nothing_of_a_removed_symbol(exchange: Exchange) -> None:
    """Removed while the question is under way, a symbol is in the answer and in nothing that the listener hears."""
    source = new_rest(exchange, ["BTCUSDT", "ETHUSDT"])
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.faults.delay_s = 0.2
        exchange.quote("ETHUSDT", bid="7.00000000")
        asked = len(exchange.requests)
        await eventually(lambda: len(exchange.requests) > asked)
        listener.notes.clear()
        source.serve(["BTCUSDT"])
        exchange.heal()
        exchange.quote("BTCUSDT", bid="8.00000000")
        await arrived(listener.updates, "BTCUSDT", "8.00000000")
        assert "7.00000000" not in bids(listener.updates, "ETHUSDT")
        assert "ETHUSDT" not in listener.notes


async def test_cancelling_leaves_nothing_behind(exchange: Exchange) -> None:
    """Who cancels the source has every connection closed, at once, even while a request is under way."""
    source = new_rest(exchange, ["BTCUSDT"])
    async with listening(source):
        exchange.faults.delay_s = 60.0
        asked = len(exchange.requests)
        await eventually(lambda: len(exchange.requests) > asked)
    assert "down" == source.state.link
    await eventually(lambda: exchange.http_connections == 0)
