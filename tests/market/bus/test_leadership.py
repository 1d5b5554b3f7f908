"""What every leadership promises. That publishing checks tokens is told by ``test_broker.py``."""

import asyncio

import pytest

from market.bus import Bus, Token
from tests.market.bus.using import LATER, SOON, until_free


async def test_a_lease_has_one_owner(any_bus: Bus) -> None:
    """An owner keeps its lease; no other gets it until it is released with its token."""
    leadership = any_bus.leadership
    ours = await leadership.acquire("test", "we", 30)
    assert ours is not None
    assert await leadership.acquire("test", "they", 30) is None
    assert await leadership.acquire("other", "they", 30)
    await leadership.release(ours._replace(owner="they", epoch=ours.epoch + 1))
    assert await leadership.acquire("test", "they", 30) is None
    await leadership.release(ours)
    theirs = await leadership.acquire("test", "they", 30)
    assert theirs is not None
    await leadership.release(ours)
    assert await leadership.acquire("test", "we", 30) is None
    await leadership.release(Token("never", "we", 1, 30))


async def test_acquiring_again_extends_the_term(any_bus: Bus) -> None:
    """A repeated acquire continues the term, with an equal token, for the newest time."""
    loop = asyncio.get_running_loop()
    # Where the machine holds us up until the first lease has run out: once more, with a longer one.
    for soon in (SOON, 10 * SOON, 100 * SOON):
        before = loop.time()
        first = await any_bus.leadership.acquire("test", "we", soon)
        second = await any_bus.leadership.acquire("test", "we", 30)
        if loop.time() < before + 0.9 * soon:
            break
    assert first is not None
    assert second == first._replace(ttl_s=30)
    # Taken after the first, and for longer than it, so that the first would have run out.
    assert await any_bus.leadership.acquire("clock", "we", soon + LATER - SOON)
    await until_free(any_bus, "they", lease="clock")
    assert await any_bus.leadership.acquire("test", "they", 30) is None


@pytest.mark.parametrize("owner", ["host:17:5f3a", "a#1", "#", "币 \r\n", "we%d+"])
async def test_owners_are_opaque(any_bus: Bus, owner: str) -> None:
    """An owner is known by its whole name, whatever signs are in it."""
    token = await any_bus.leadership.acquire("test", owner, 30)
    assert token is not None
    assert token == await any_bus.leadership.acquire("test", owner, 30)
    for other in (owner + "#1", owner[:-1], owner + "x", "a"):
        assert await any_bus.leadership.acquire("test", other, 30) is None


async def test_each_term_has_an_epoch_of_its_own(any_bus: Bus) -> None:
    """The epochs of an owner's terms grow."""
    epochs = []
    for _ in range(3):
        token = await any_bus.leadership.acquire("test", "we", 30)
        assert token is not None
        epochs.append(token.epoch)
        await any_bus.leadership.release(token)
    assert sorted(set(epochs)) == epochs


async def test_one_of_many_claimants_gets_it(any_bus: Bus) -> None:
    """Of many concurrent claims for a lease exactly one succeeds."""
    claims = await asyncio.gather(*(any_bus.leadership.acquire("test", str(number), 30) for number in range(50)))
    assert 49 == claims.count(None)


async def test_a_lease_runs_out(any_bus: Bus) -> None:
    """A lease that is not extended in time is free, and its owner's claim is as good as any other's."""
    assert await any_bus.leadership.acquire("test", "we", SOON)
    assert "they" == (await until_free(any_bus, "they")).owner
    assert await any_bus.leadership.acquire("test", "we", 30) is None


async def test_a_stand_by_is_known_once(any_bus: Bus) -> None:
    """The last stand-by is returned to the first caller, for each lease separately."""
    leadership = any_bus.leadership
    assert await leadership.take_stand_by("test") is None
    for owner in ("first", "币 second"):
        await leadership.stand_by("test", owner, 30)
    await leadership.stand_by("other", "third", 30)
    assert ["币 second", None] == [await leadership.take_stand_by("test") for _ in range(2)]
    assert "third" == await leadership.take_stand_by("other")


async def test_a_stand_by_is_forgotten(any_bus: Bus) -> None:
    """A stand-by that is not repeated is forgotten."""
    await any_bus.leadership.stand_by("test", "we", SOON)
    assert await any_bus.leadership.acquire("test", "we", LATER)
    await until_free(any_bus, "they")
    assert await any_bus.leadership.take_stand_by("test") is None
