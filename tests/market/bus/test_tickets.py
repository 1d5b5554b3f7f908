"""What every ticket store promises."""

import asyncio

import pytest

from market.bus import Batch, Bus
from tests.market.bus.using import LATER, SOON, until_free


async def test_what_is_put_is_taken_once(any_bus: Bus) -> None:
    """A stored value is there, byte for byte, for the first taker only."""
    await any_bus.tickets.put("1", b"\x00\xff\r\n", 30)
    await any_bus.tickets.put("2", b"", 30)
    assert [b"\x00\xff\r\n", None] == [await any_bus.tickets.take("1") for _ in range(2)]
    assert [b"", None] == [await any_bus.tickets.take("2") for _ in range(2)]
    assert await any_bus.tickets.take("3") is None


async def test_one_of_many_takers_gets_it(any_bus: Bus) -> None:
    """Of many concurrent takers exactly one gets the value."""
    await any_bus.tickets.put("1", b"it", 30)
    taken = await asyncio.gather(*(any_bus.tickets.take("1") for _ in range(50)))
    assert [b"it"] + [None] * 49 == sorted(taken, key=lambda its: its is None)


async def test_what_is_put_runs_out(any_bus: Bus) -> None:
    """A value that is not taken in time is gone, and a new put restarts its time."""
    for key in ("1", "2"):
        await any_bus.tickets.put(key, b"old", SOON)
    await any_bus.tickets.put("2", b"new", 30)
    # A lease that is taken after both, for longer, runs out after both.
    assert await any_bus.leadership.acquire("test", "they", LATER)
    await until_free(any_bus, "we")
    assert [None, b"new"] == [await any_bus.tickets.take("1"), await any_bus.tickets.take("2")]


@pytest.mark.parametrize("key", ["states", "tick.A", "ticks", "lease.test", "test", "币 \r\n"])
async def test_keys_are_opaque(any_bus: Bus, key: str) -> None:
    """A key may be called like a topic or a lease: neither touches the other."""
    assert await any_bus.leadership.acquire(key, "we", 30)
    await any_bus.leadership.stand_by(key, "they", 30)
    await any_bus.broker.publish(Batch(values=[("states", b"s"), ("tick.A", b"t")]))
    assert await any_bus.tickets.take(key) is None
    await any_bus.tickets.put(key, b"ticket", 30)
    assert {"states": b"s", "tick.A": b"t"} == await any_bus.last_values.read(["states", "tick.A"], max_bytes=9)
    assert b"ticket" == await any_bus.tickets.take(key)
    assert await any_bus.leadership.acquire(key, "others", 30) is None
    assert "they" == await any_bus.leadership.take_stand_by(key)
