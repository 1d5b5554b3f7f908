"""One connection after the other: how a shard replaces its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from tests.exchange import Exchange
from tests.poller.listening import DOUBTS, LIMITS, REST, arrived, eventually, heeding, listening, new_ws

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; a broken limit fails the test."""
    async with Exchange(SYMBOLS, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        yield exchange
        assert [] == exchange.violations


@pytest.mark.parametrize("form", ["raw", "combined"])
async def test_shutdown_is_prepared_for(exchange: Exchange, form: str) -> None:
    """At ``serverShutdown`` the next connection delivers before the old one is let go; the link stays up."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        await eventually(lambda: source.state.link == "up")
        since_us = source.state.since_us
        exchange.announce_shutdown("raw" if form == "raw" else "combined")
        await eventually(lambda: len(exchange.connections) == 2 and exchange.connections[0].closed_at)
        old, new = exchange.connections
        assert old.closed_at is not None
        assert old.closed_at >= new.granted_at
        assert set(old.streams) == set(new.streams)
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(updates, "BTCUSDT", "7.00000000")
        assert ("up", since_us) == (source.state.link, source.state.since_us)
    assert 0 == source.counters["malformed"]


async def test_a_planned_replacement_does_not_wait(exchange: Exchange) -> None:
    """A connection that was well and is told to go is replaced at once, however long failures would be waited for."""
    source = new_ws(exchange, SYMBOLS, steady_s=0.0, backoff_base_s=10_000.0, backoff_cap_s=10_000.0)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        exchange.announce_shutdown("raw")
        await eventually(lambda: len(exchange.connections) == 2 and exchange.connections[0].closed_at)
        assert "up" == source.state.link


async def test_what_ended_a_connection_after_it_was_to_be_replaced_is_reported(exchange: Exchange) -> None:
    """Its last word counts, not the reason for which another one was wanted before."""
    source = new_ws(exchange, SYMBOLS, steady_s=10_000.0, backoff_base_s=10_000.0, backoff_cap_s=10_000.0)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        exchange.announce_shutdown("raw")
        exchange.say("x" * (2 << 20))
        await eventually(lambda: source.state.link == "down" and "exceeds" in source.state.reason)
        await asyncio.sleep(0.3)
        assert "exceeds" in source.state.reason


async def test_old_connection_is_replaced_before_its_end() -> None:
    """Before the exchange ends a connection by age, the next one delivers; no update of the time is lost."""
    limits = structs.replace(LIMITS, lifetime_s=8.0)
    async with Exchange(SYMBOLS, limits) as exchange:
        source = new_ws(exchange, SYMBOLS, renew_after_s=0.1, renew_jitter_s=0.1)
        async with listening(source) as updates:
            await eventually(lambda: source.state.link == "up")
            since_us, number = source.state.since_us, 0
            while len(exchange.connections) < 4:
                number += 1
                exchange.quote("BTCUSDT", bid=f"{number}.00000000", update_id=500_000_000 + number)
                await arrived(updates, "BTCUSDT", f"{number}.00000000")
            assert since_us == source.state.since_us
            assert [None] * len(exchange.connections) == [one.close_code for one in exchange.connections]
        ids = dict.fromkeys(update.update_id for update in updates if update.update_id is not None)
        assert [500_000_000 + at for at in range(1, number + 1)] == list(ids)
        assert [] == exchange.violations


async def test_end_by_age_is_recovered_from() -> None:
    """A connection that the exchange ends all the same is made anew."""
    async with Exchange(SYMBOLS, structs.replace(LIMITS, lifetime_s=0.3)) as exchange:
        source = new_ws(exchange, SYMBOLS)
        async with listening(source):
            await eventually(lambda: source.counters["reconnects"] >= 2)
        assert 1001 == exchange.connections[0].close_code
        assert [] == exchange.violations


async def test_a_dead_symbol_s_connection_is_replaced_without_a_gap(exchange: Exchange) -> None:
    """The next connection delivers before the one with the dead stream goes; the link stays up, nothing is lost."""
    source = new_ws(exchange, SYMBOLS, doubts=DOUBTS)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        since_us = source.state.since_us
        exchange.connections[0].quiet_streams.add("ethusdt@bookTicker")
        number = 0
        while len(exchange.connections) < 2 or exchange.connections[0].open:
            number += 1
            # Again and again: the first may still be what the connection begins with.
            exchange.quote("ETHUSDT", bid=f"7.{number:08d}")
            exchange.quote("BTCUSDT", bid=f"{number}.00000000", update_id=500_000_000 + number)
            await asyncio.sleep(0.005)
        old, new = exchange.connections
        assert old.closed_at is not None
        assert old.closed_at >= new.granted_at
        assert ("up", since_us) == (source.state.link, source.state.since_us)
        exchange.quote("ETHUSDT", bid="8.00000000")
        await arrived(listener.updates, "ETHUSDT", "8.00000000")
        await eventually(lambda: listener.lacking == {} and listener.notes["ETHUSDT"] == "")
    ids = {update.update_id for update in listener.updates if update.symbol == "BTCUSDT"} - {None}
    assert {500_000_000 + at for at in range(1, number + 1)} <= ids


async def test_a_symbol_that_stays_dead_is_no_storm_of_connections(exchange: Exchange) -> None:
    """When a new connection does not fix it either, the next ones come after pauses that double; REST stands in."""
    exchange.faults.quiet_streams.add("ethusdt@bookTicker")
    source = new_ws(exchange, SYMBOLS, structs.replace(REST, quiet_s=0.3), doubts=DOUBTS, replace_s=0.5)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        number, began = 0, asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < 3.0:
            number += 1
            exchange.quote("ETHUSDT", bid=f"{number}.00000000")
            await arrived(listener.updates, "ETHUSDT", f"{number}.00000000")
    # At about 0.6, 1.1 and 2.1 s.
    assert 2 <= len(exchange.connections) <= 5
    assert "by REST" in listener.notes["ETHUSDT"]
    assert "BTCUSDT" not in listener.was_lacking


async def test_a_connection_lost_while_its_successor_is_made(exchange: Exchange) -> None:
    """The shard is down from the loss on, not longer than until the successor is ready, and no third one is made."""
    source = new_ws(exchange, SYMBOLS)
    async with heeding(source) as listener:
        await eventually(lambda: source.state.link == "up")
        exchange.faults.ignore_subscribe = True
        exchange.announce_shutdown("combined")
        await eventually(lambda: len(exchange.connections) == 2)
        assert "up" == source.state.link
        exchange.connections[0].abort()
        await eventually(lambda: source.state.link == "down")
        exchange.faults.ignore_subscribe = False
        # Its SUBSCRIBE is asked again only after the timeout for the answer.
        exchange.connections[1].subscribe([f"{symbol.lower()}@bookTicker" for symbol in SYMBOLS])
        exchange.connections[1].say('{"result":null,"id":1}')
        await eventually(lambda: source.state.link == "up")
        exchange.quote("BTCUSDT", bid="7.00000000")
        await arrived(listener.updates, "BTCUSDT", "7.00000000")
    assert 2 == len(exchange.connections)
    assert {} == listener.was_lacking


async def test_shutdown_announced_as_soon_as_it_is_ready(exchange: Exchange) -> None:
    """A connection that is to be left at once was ready all the same: its symbols are asked for, the next is made."""
    source = new_ws(exchange, SYMBOLS)
    async with heeding(source) as listener:
        exchange.faults.ignore_subscribe = True
        await eventually(lambda: len(exchange.connections) == 1 and exchange.connections[0].received)
        exchange.faults.ignore_subscribe = False
        # No successor for now: what comes, comes of the first.
        exchange.faults.stream_status = 503
        exchange.connections[0].say('{"result":null,"id":1}')
        exchange.connections[0].say('{"e":"serverShutdown","E":1700000000000}')
        await arrived(listener.updates, "BTCUSDT", "100.00000000")
        exchange.heal()
        await eventually(lambda: len(exchange.connections) == 2 and not exchange.connections[0].open)
        assert "up" == source.state.link
    assert (2, 0, {}) == (len(exchange.connections), source.counters["fallbacks"], listener.was_lacking)


async def test_connection_attempts_keep_their_limit() -> None:
    """However long streams are refused, no window sees more attempts than the exchange allows."""
    limits = structs.replace(LIMITS, connects=10, connect_window_s=0.5)
    async with Exchange(SYMBOLS, limits) as exchange:
        source = new_ws(exchange, SYMBOLS, backoff_base_s=0.0, connects_per_window=9, connect_window_s=0.5)
        exchange.faults.stream_status = 503
        async with listening(source):
            await eventually(lambda: source.counters["connects"] >= 25)
        assert [] == exchange.violations


async def test_cut_connections_are_made_again_and_again(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    """However often the line is cut, its loss is told with its reason from the first, and prices come back."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source) as updates:
        for number in range(1, 6):
            await eventually(lambda: source.state.link == "up")
            caplog.clear()
            exchange.drop()
            await eventually(lambda: source.state.link == "down")
            told = [record.getMessage() for record in caplog.records if "link down" in record.getMessage()]
            assert [] == [line for line in told if "connection lost" not in line and "broken" not in line]
            assert "stream down: connection lost" in source.state.reason or "broken" in source.state.reason
            await eventually(lambda: source.state.link == "up")
            exchange.quote("BTCUSDT", bid=f"{number}.00000000")
            await arrived(updates, "BTCUSDT", f"{number}.00000000")
    assert 5 == source.counters["reconnects"]


async def test_failing_for_long_is_one_line(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    """However many attempts fail, the log has one line of the loss and one of the first failure at most."""
    source = new_ws(exchange, SYMBOLS)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        caplog.clear()
        exchange.faults.stream_status = 503
        exchange.drop()
        await eventually(lambda: source.counters["connects"] >= 10)
    lines = [record for record in caplog.records if record.name == "poller.stream.shard"]
    assert 1 == len(lines)
