"""Who is there, on a server that others write to."""

from typing import Any

import pytest
from redis.asyncio import Redis

from market.bus import BusDownError, open_bus
from market.bus.presence import MOST_PRESENT
from market.bus.redis.roles.presence import PRESENCES
from tests.valkey import Valkey


async def test_what_others_wrote_does_no_harm(valkey: Valkey) -> None:
    """A key of another kind, and fields that are none of ours, are put away."""
    bus, other = open_bus(valkey.url), Redis.from_url(valkey.url)
    await other.set(PRESENCES, "rubbish")
    assert {} == await bus.presence.present()
    await other.hset(PRESENCES, mapping={"a": "rubbish", "b": "x 1", "c": "99999999999999"})
    await bus.presence.announce("d", b"1", 30)
    assert {"d": b"1"} == await bus.presence.present()
    assert [b"d"] == await other.hkeys(PRESENCES)
    await other.aclose()
    await bus.aclose()


async def test_there_is_a_bound_and_the_key_ends_by_itself(valkey: Valkey) -> None:
    """A full bus takes the names that it has and no others, until some have run out."""
    bus, other = open_bus(valkey.url), Redis.from_url(valkey.url)
    names: Any = {f"n{number}": "99999999999999 x" for number in range(MOST_PRESENT - 1)}
    await other.hset(PRESENCES, mapping=names)
    await other.hset(PRESENCES, "old", "1 x")
    await bus.presence.announce("last", b"1", 30)  # in the place of the one that has run out
    await bus.presence.announce("last", b"2", 30)
    with pytest.raises(BusDownError, match="1000 processes"):
        await bus.presence.announce("more", b"1", 30)
    assert 0 < await other.ttl(PRESENCES) <= 86_400
    await other.aclose()
    await bus.aclose()
