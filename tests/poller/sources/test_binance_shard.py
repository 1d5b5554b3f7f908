"""One connection after the other: how a shard replaces its own."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from tests.exchange import Exchange
from tests.poller.sources.listening import LIMITS, eventually, heard, listening, new_ws

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; whoever breaks a limit fails the test."""
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
        await heard(updates, "BTCUSDT", "7.00000000")
        assert ("up", since_us) == (source.state.link, source.state.since_us)
    assert 0 == source.counters["malformed"]


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
                await heard(updates, "BTCUSDT", f"{number}.00000000")
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


async def test_stuck_symbol_gets_another_connection(exchange: Exchange) -> None:
    """A symbol that was heard and does not come back by subscribing is tried on a new connection, without a gap."""
    source = new_ws(exchange, SYMBOLS, symbol_quiet_s=0.2, quiet_s=0.4)
    async with listening(source):
        await eventually(lambda: source.state.link == "up")
        since_us = source.state.since_us
        exchange.faults.quiet_streams.add("ethusdt@miniTicker")
        await eventually(lambda: len(exchange.connections) >= 2 and exchange.connections[0].closed_at)
        assert since_us == source.state.since_us


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
            await heard(updates, "BTCUSDT", f"{number}.00000000")
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
    lines = [record for record in caplog.records if record.name == "poller.sources.binance_shard"]
    assert 1 == len(lines)
