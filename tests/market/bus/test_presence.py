"""What every bus promises about who is there."""

import asyncio

import pytest

from market.bus import Batch, Bus
from market.bus.presence import MAX_PRESENCE_BYTES

SOON_S = 0.05


async def test_who_announces_himself_is_there_until_his_time_runs_out(any_bus: Bus) -> None:
    """With his newest value, byte for byte; a new announcement begins a new time."""
    presence = any_bus.presence
    assert {} == await presence.present()
    for name in ("a", "b"):
        await presence.announce(name, b"old", SOON_S)
    await presence.announce("a", b"\x00\xff \r\n1", 30)
    await presence.announce("c", b"", 30)
    async with asyncio.timeout(20):
        while "b" in await presence.present():  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.005)
    assert {"a": b"\x00\xff \r\n1", "c": b""} == await presence.present()


async def test_who_withdraws_is_gone_at_once(any_bus: Bus) -> None:
    """And nobody else; twice is no fault."""
    for name in ("a", "b"):
        await any_bus.presence.announce(name, b"x", 30)
    for _ in range(2):
        await any_bus.presence.withdraw("a")
    assert {"b": b"x"} == await any_bus.presence.present()


async def test_a_value_that_is_too_long_is_not_given_out(any_bus: Bus) -> None:
    """Nobody fills a gateway's memory that way."""
    await any_bus.presence.announce("long", b"x" * (MAX_PRESENCE_BYTES + 1), 30)
    await any_bus.presence.announce("right", b"x" * MAX_PRESENCE_BYTES, 30)
    assert ["right"] == list(await any_bus.presence.present())


@pytest.mark.parametrize("name", ["tick.A", "lease.test", "币 \r\n"])
async def test_names_are_opaque(any_bus: Bus, name: str) -> None:
    """A name may be called like anything else on the bus: neither touches the other."""
    await any_bus.broker.publish(Batch(values=[("tick.A", b"t")]))
    await any_bus.tickets.put(name, b"ticket", 30)
    await any_bus.presence.announce(name, b"p", 30)
    assert {name: b"p"} == await any_bus.presence.present()
    assert b"ticket" == await any_bus.tickets.take(name)
    assert {"tick.A": b"t"} == await any_bus.last_values.read(["tick.A"], max_bytes=9)
