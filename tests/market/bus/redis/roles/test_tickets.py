"""Tickets as they lie on a server."""

import pytest

from market.bus import Bus, BusDownError
from tests.market.bus.using import lead
from tests.valkey import Valkey


async def test_store_on_the_server(bus: Bus, valkey: Valkey) -> None:
    """What is put, and a lease, are plain strings that expire, for an operator to look at."""
    await bus.tickets.put("1", b"it", 30)
    assert await lead(bus)
    assert (b"it", b"we#1") == (valkey.command("GET", "ticket.1"), valkey.command("GET", "lease.test"))
    for key in ("ticket.1", "lease.test"):
        assert 29_000 < valkey.command("PTTL", key) <= 30_000


async def test_refusal_to_store(bus: Bus, valkey: Valkey) -> None:
    """A server that refuses to store counts as down, with its reason."""
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(BusDownError, match="maxmemory"):
            await lead(bus)
        with pytest.raises(BusDownError, match="maxmemory"):
            await bus.tickets.put("1", b"it", 30)
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")
    assert await lead(bus)
