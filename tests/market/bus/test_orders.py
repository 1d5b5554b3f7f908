"""What every bus promises about orders."""

import asyncio

import pytest

from market.bus import Batch, Bus, NoStoreError
from market.bus.kafka.bus import KafkaBus
from market.bus.orders import LONGEST_S, MAX_ORDER_BYTES, Standing

SOON_S = 0.05


async def standing(bus: Bus, known: bytes = b"") -> Standing:
    """What stands, where something was given since ``known``."""
    found = await bus.orders.standing(known)
    assert found is not None
    return found


async def test_an_order_stands_until_its_time_is_over(any_bus: Bus) -> None:
    """Byte for byte, with the times by the bus's clock at which it was given and ends."""
    assert {} == (await standing(any_bus)).orders
    await any_bus.orders.give("short", b"x", SOON_S)
    await any_bus.orders.give("long", b"\x00\xff \r\n1", 30)
    async with asyncio.timeout(20):
        while "short" in (found := await standing(any_bus)).orders:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.005)
    assert {"long": b"\x00\xff \r\n1"} == {name: order.value for name, order in found.orders.items()}
    [order] = found.orders.values()
    assert 30_000_000 == order.ends_us - order.given_us
    assert order.given_us <= found.now_us < order.ends_us


async def test_a_reader_is_told_only_if_an_order_was_given_since(any_bus: Bus) -> None:
    """Then it is told all that stand; the same order given again is news too."""
    nothing = await standing(any_bus)
    assert await any_bus.orders.standing(nothing.version) is None
    await any_bus.orders.give("a", b"1", 30)
    first = await standing(any_bus, nothing.version)
    assert await any_bus.orders.standing(first.version) is None
    await any_bus.orders.give("b", b"2", 30)
    second = await standing(any_bus, first.version)
    assert {"a", "b"} == set(second.orders)
    await any_bus.orders.give("a", b"1", 60)
    third = await standing(any_bus, second.version)
    assert {"a", "b"} == set(third.orders)
    assert third.orders["a"].given_us > first.orders["a"].given_us


async def test_what_is_too_long_is_refused(any_bus: Bus) -> None:
    """A name, a value, or a time; the longest ones stand."""
    for name, value, ttl_s in (
        ("x" * (MAX_ORDER_BYTES + 1), b"", 1.0),
        ("x", b"x" * (MAX_ORDER_BYTES + 1), 1.0),
        ("x", b"", LONGEST_S + 1.0),
        ("x", b"", 0.0),
    ):
        with pytest.raises(ValueError, match="an order"):
            await any_bus.orders.give(name, value, ttl_s)
    await any_bus.orders.give("x" * MAX_ORDER_BYTES, b"x" * MAX_ORDER_BYTES, LONGEST_S)
    assert ["x" * MAX_ORDER_BYTES] == list((await standing(any_bus)).orders)


@pytest.mark.parametrize("name", ["#", "", "tick.A", "币 \r\n"])
async def test_names_of_orders_are_opaque(any_bus: Bus, name: str) -> None:
    """A name may be called like anything else on the bus: neither touches the other."""
    await any_bus.broker.publish(Batch(values=[("tick.A", b"t")]))
    await any_bus.presence.announce(name, b"p", 30)
    await any_bus.orders.give(name, b"o", 30)
    assert {name: b"o"} == {name: order.value for name, order in (await standing(any_bus)).orders.items()}
    assert {name: b"p"} == await any_bus.presence.present()
    assert {"tick.A": b"t"} == await any_bus.last_values.read(["tick.A"], max_bytes=9)


async def test_kafka_alone_keeps_none_and_says_what_to_do() -> None:
    """Whoever gives or reads is told to name a store."""
    bus = KafkaBus("kafka://127.0.0.1:1")
    for asking in (bus.orders.give("a", b"", 1), bus.orders.standing()):
        with pytest.raises(NoStoreError, match="STORE_URL"):
            await asking
    await bus.aclose()
