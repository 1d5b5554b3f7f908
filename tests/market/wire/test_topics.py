"""What the poller publishes, and what the gateway finds of it."""

import pytest
from msgspec import structs

from market.bus import Bus, open_bus
from market.wire.codec import MAX_TICK_BYTES, encode_heartbeat, encode_states, encode_tick
from market.wire.topics import (
    HEARTBEAT,
    STATES,
    heartbeat_topic,
    last_states,
    last_ticks,
    states_topic,
    tick_topic,
)
from tests.market.bus.using import batch_of
from tests.market.samples import heartbeat, states, tick


@pytest.fixture
def bus() -> Bus:
    """An empty bus."""
    return open_bus("memory://")


def test_topics_are_called_as_other_versions_call_them() -> None:
    """Old and new processes share a bus."""
    assert ("tick.BTCUSDT", "feed.status", "states") == (tick_topic("BTCUSDT"), HEARTBEAT, STATES)
    assert "tick.coinbase:BTC-USD" == tick_topic("coinbase:BTC-USD")
    assert (HEARTBEAT, STATES) == (heartbeat_topic("binance"), states_topic("binance"))


async def test_another_venue_has_topics_of_its_own(bus: Bus) -> None:
    """Heartbeats and states of two venues do not meet, neither on their way nor where they are kept."""
    other = structs.replace(heartbeat(), venue="coinbase")
    await bus.broker.publish(batch_of([], heartbeat(), states(1)))
    batch = batch_of([], other, states(2))
    assert ("feed.status.coinbase", encode_heartbeat(other)) == batch.barrier
    await bus.broker.publish(batch)
    assert encode_states(states(1)) == await last_states(bus.last_values)
    assert encode_states(states(2)) == await last_states(bus.last_values, "coinbase")
    assert await last_states(bus.last_values, "kraken") is None


async def test_last_ticks(bus: Bus) -> None:
    """Of every symbol or of some, by symbol, byte for byte; what is too long for a tick is empty."""
    await bus.broker.publish(batch_of([tick("A1"), tick("币B2"), tick("C1")], heartbeat(), states()))
    every = {symbol: encode_tick(tick(symbol)) for symbol in ("A1", "币B2", "C1")}
    assert every == await last_ticks(bus.last_values)
    assert {"A1": every["A1"]} == await last_ticks(bus.last_values, ["A1", "Z1"])
    assert {} == await last_ticks(bus.last_values, [])
    await bus.broker.publish(batch_of([])._replace(updates=[("tick.A1", b"x" * (MAX_TICK_BYTES + 1))]))
    assert {"A1": b""} == await last_ticks(bus.last_values, ["A1"])


async def test_last_states(bus: Bus) -> None:
    """None before the first, then the newest."""
    assert await last_states(bus.last_values) is None
    for version in (1, 2):
        await bus.broker.publish(batch_of([], heartbeat(), states(version)))
        assert encode_states(states(version)) == await last_states(bus.last_values)
