"""Leases on a server that anybody may write to."""

import pytest

from market.bus import Bus, Token
from tests.market.bus.using import lead, publish, until_free
from tests.market.samples import tick
from tests.valkey import Valkey

NO_END = -1
"""What PTTL answers of a key that stays."""


@pytest.mark.parametrize("expiry", [(), ("PX", 3_600_000)], ids=["without end", "of an hour"])
async def test_a_lease_that_nobody_extends_ends_however_long_it_is(
    bus: Bus, valkey: Valkey, expiry: tuple[str, int]
) -> None:
    """A lease of another owner lasts at most as long as ours would, from our first attempt on."""
    valkey.command("SET", "lease.test", "nobody", *expiry)
    assert await lead(bus, ttl_s=0.3) is None
    # On a slow machine it may have run out already.
    left_ms = valkey.command("PTTL", "lease.test")
    assert left_ms != NO_END
    assert left_ms <= 300
    assert await until_free(bus)


async def test_a_lease_of_another_is_not_made_longer(bus: Bus, valkey: Valkey) -> None:
    """Our attempts do not extend the lease of another owner."""
    valkey.command("SET", "lease.test", "another", "PX", 5_000)
    for _ in range(5):
        assert await lead(bus) is None
    assert valkey.command("PTTL", "lease.test") <= 5_000


async def test_processes_of_older_versions_share_the_lease(bus: Bus, valkey: Valkey) -> None:
    """Older versions write only their owner: their leader is respected, and they do not take our lease for theirs."""
    valkey.command("SET", "lease.test", "older", "PX", 5_000)
    assert await lead(bus) is None
    assert await lead(bus, "olde") is None
    valkey.command("DEL", "lease.test")
    token = await lead(bus)
    assert token
    assert valkey.command("GET", "lease.test") == f"we#{token.epoch}".encode()


async def test_an_answer_that_was_lost(bus: Bus, valkey: Valkey) -> None:
    """An owner whose answer was lost gets the lease when it asks again."""
    valkey.command("SET", "lease.test", "we#7", "PX", 5_000)
    token = await lead(bus)
    assert token == Token("test", "we", 7, 30)
    assert valkey.command("PTTL", "lease.test") > 5_000
    await publish(bus, [tick()], token=token)
