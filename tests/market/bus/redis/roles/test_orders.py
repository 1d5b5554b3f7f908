"""Orders, on a server that others write to."""

import re
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from market.bus import BusDownError, open_bus
from market.bus.orders import MOST_ORDERS
from market.bus.redis.roles.orders import ORDERS
from tests.valkey import Valkey


async def test_what_others_wrote_to_the_orders_does_no_harm(valkey: Valkey) -> None:
    """A key of another kind, and fields that are none of ours, are no orders, and stop none."""
    bus, other = open_bus(valkey.url), Redis.from_url(valkey.url)
    await other.set(ORDERS, "rubbish")
    found = await bus.orders.standing()
    assert found is not None
    assert {} == found.orders
    await bus.orders.give("a", b"1", 30)
    rubbish: Any = {"=b": "x", "=c": "1 2 past", "d": "1 9999999999999999 x", "=e": "9" * 5_000, "=" + "f" * 5_000: "1"}
    await other.hset(ORDERS, mapping=rubbish)
    found = await bus.orders.standing()
    assert found is not None
    assert ["a"] == list(found.orders)
    await other.hset(ORDERS, "#", "x" * 1_000)
    found = await bus.orders.standing(found.version)
    assert found is not None
    assert ["a"] == list(found.orders)
    await other.hset(ORDERS, mapping={f"n{number}": "x" for number in range(2 * MOST_ORDERS + 2)})
    found = await bus.orders.standing()
    assert found is not None
    assert {} == found.orders
    await bus.orders.give("g", b"1", 30)
    assert {b"#", b"=g"} == set(await other.hkeys(ORDERS))
    await other.aclose()
    await bus.aclose()


async def test_orders_are_bounded_and_the_key_ends_by_itself(valkey: Valkey) -> None:
    """A full bus takes the names that it has and no others, until some have run out."""
    bus, other = open_bus(valkey.url), Redis.from_url(valkey.url)
    await bus.orders.give("first", b"1", 30)
    standing: Any = {f"={number}": "1 9999999999999999 x" for number in range(MOST_ORDERS - 2)}
    await other.hset(ORDERS, mapping=standing)
    await other.hset(ORDERS, "=old", "1 2 x")
    await bus.orders.give("last", b"1", 30)  # in the place of the one that has run out
    await bus.orders.give("last", b"2", 30)
    with pytest.raises(BusDownError, match="1000 orders"):
        await bus.orders.give("more", b"1", 30)
    assert 0 < await other.ttl(ORDERS) <= 366 * 86_400
    await other.aclose()
    await bus.aclose()


@pytest.mark.parametrize("state", ["none", "full of what has run out"])
async def test_the_rights_that_the_document_names_are_enough(valkey: Valkey, state: str) -> None:
    """A gateway's user reads and can give nothing; the user of the commands gives, also where there is old to clear."""
    page = (Path(__file__).parents[5] / "docs" / "access.md").read_text(encoding="utf-8")
    part = page.partition("## Kicking and revoking")[2].partition("\n## ")[0].partition("Both are in the hash")[2]
    reading, further = (span.split() for span in re.findall(r"`(\+[^`]+)`", part)[:2])
    for name, rights in (("reader", reading), ("giver", reading + further)):
        valkey.command("ACL", "SETUSER", name, "on", ">pw", f"~{ORDERS}", "+@connection", *rights)
    if state != "none":
        async with Redis.from_url(valkey.url) as other:
            old: Any = {f"={number}": "1 2 x" for number in range(MOST_ORDERS + 1)}
            await other.hset(ORDERS, mapping=old)
    reader, giver = (open_bus(valkey.url.replace("//", f"//{name}:pw@")) for name in ("reader", "giver"))
    await giver.orders.give("a", b"1", 30)
    found = await reader.orders.standing()
    assert found is not None
    assert ["a"] == list(found.orders)
    with pytest.raises(BusDownError):
        await reader.orders.give("b", b"1", 30)
    await reader.aclose()
    await giver.aclose()
