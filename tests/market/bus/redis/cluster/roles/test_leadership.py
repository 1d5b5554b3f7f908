"""Leases and fences, when leaders die and data is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from market.bus import Batch, Bus, BusDownError, LeaseLostError, Token, in_partition
from market.bus.redis.cluster.roles.layout import partition_key
from market.bus.redis.cluster.roles.leadership import ClusterLeadership
from market.bus.redis.cluster.roles.scripts import ACQUIRE, RAISE
from tests.market.bus.redis.cluster.conftest import PARTITIONS, Opener
from tests.market.bus.using import lead, until_free
from tests.valkey_cluster import ValkeyCluster
from tests.waiting import until

EVERYWHERE = Batch(events=[(in_partition("b", number), b"x") for number in range(PARTITIONS)])


class DiesAmongFences:
    """A client that is as good as dead after some fences of a term."""

    def __init__(self, leadership: ClusterLeadership, after: int) -> None:
        self._client = leadership._client
        self._ask: Callable[..., Awaitable[Any]] = self._client.ask
        self._left = after
        # It is the bus that fails, at a given moment.
        self._client.ask = self.ask  # type: ignore[method-assign]

    async def ask(self, key: str, *words: str | bytes | int, repeat: bool = True) -> Any:
        if RAISE in words:
            if not self._left:
                raise BusDownError("killed")
            self._left -= 1
        return await self._ask(key, *words, repeat=repeat)


def fences(cluster: ValkeyCluster) -> list[bytes]:
    """Who has which partition."""
    records = [cluster.values(number).get(b"#lease.test", b"") for number in range(PARTITIONS)]
    return [record.partition(b" ")[2].partition(b" ")[2] for record in records]


@pytest.mark.parametrize("after", [0, 1, PARTITIONS - 2])
async def test_a_leader_that_dies_between_two_fences(
    open_one: Opener, valkey_cluster: ValkeyCluster, after: int
) -> None:
    """The next one takes every partition, and nothing of the dead one is taken by any."""
    dying, other = open_one(), open_one()
    before = await lead(other, "before")
    assert before
    await other.leadership.release(before)
    assert isinstance(dying.leadership, ClusterLeadership)
    DiesAmongFences(dying.leadership, after)
    with pytest.raises(BusDownError):
        await dying.leadership.acquire("test", "dead", 0.3)
    assert 1 + after == fences(valkey_cluster).count(b"dead")
    token = await until_free(other, "next")
    assert [b"next"] * PARTITIONS == fences(valkey_cluster)
    epoch = int(valkey_cluster.values(0)[b"#lease.test"].split()[0])
    assert epoch > before.epoch
    for late in (before, Token("test", "dead", epoch - 1, 30), Token("test", "dead", epoch, 30)):
        with pytest.raises(LeaseLostError):
            await dying.broker.publish(EVERYWHERE, token=late)
    await other.broker.publish(EVERYWHERE, token=token)


async def test_a_leader_that_was_frozen_between_two_fences(open_one: Opener, valkey_cluster: ValkeyCluster) -> None:
    """Fences that it raises after its successor are refused, and it does not lead."""
    frozen, other = open_one(), open_one()
    assert isinstance(frozen.leadership, ClusterLeadership)
    go_on = asyncio.Event()
    reached = asyncio.Event()
    ask = frozen.leadership._client.ask

    async def held_up(key: str, *words: str | bytes | int, repeat: bool = True) -> Any:
        if RAISE in words and not go_on.is_set():
            reached.set()
            await go_on.wait()
        return await ask(key, *words, repeat=repeat)

    # Frozen at a given moment.
    frozen.leadership._client.ask = held_up  # type: ignore[method-assign]
    acquiring = asyncio.create_task(frozen.leadership.acquire("test", "frozen", 30))
    await reached.wait()
    # As if that had run out. Of a shorter lease the frozen one would leave its successor no more, when it asks again.
    epoch = int(valkey_cluster.values(0)[b"#lease.test"].split()[0])
    valkey_cluster.owner(0).command("HSET", partition_key(0), "#lease.test", f"{epoch} 1 frozen")
    token = await lead(other, "next")
    assert token
    go_on.set()
    assert await acquiring is None
    assert [b"next"] * PARTITIONS == fences(valkey_cluster)
    await other.broker.publish(EVERYWHERE, token=token)


@pytest.mark.parametrize("lost", [[0], [2], list(range(PARTITIONS))])
async def test_data_that_is_lost(bus: Bus, open_one: Opener, valkey_cluster: ValkeyCluster, lost: list[int]) -> None:
    """Whichever partitions lose their data, the next epoch is higher, and the old token is worth nothing there."""
    old = await lead(bus, "old")
    assert old
    for number in lost:
        valkey_cluster.owner(number).command("DEL", partition_key(number))
    with pytest.raises(LeaseLostError):
        await bus.broker.publish(EVERYWHERE, token=old)
    if 0 not in lost:
        await bus.leadership.release(old)
    other = open_one()
    new = await lead(other, "new")
    assert new
    assert new.epoch > old.epoch
    assert [b"new"] * PARTITIONS == fences(valkey_cluster)
    await other.broker.publish(EVERYWHERE, token=new)
    with pytest.raises(LeaseLostError):
        await bus.broker.publish(EVERYWHERE, token=old)


async def test_an_epoch_that_partition_0_has_forgotten(bus: Bus, valkey_cluster: ValkeyCluster) -> None:
    """A fence that is higher than the lease is no end: the lease is taken with a still higher epoch."""
    first = await lead(bus)
    assert first
    ahead = first.epoch + 1_000_000
    record = f"{ahead} {first.epoch} another"
    valkey_cluster.owner(4).command("HSET", partition_key(4), "#lease.test", record)
    token = await lead(bus)
    assert token
    assert token.epoch == ahead + 1
    assert token == await lead(bus)
    await bus.broker.publish(EVERYWHERE, token=token)


@pytest.mark.parametrize(
    "record", ["", "x", "1", "1 2", "99999999999999999999 99999999999999999999 x", "-1 -1 x", "1  x"]
)
async def test_a_record_that_cannot_be_is_none(bus: Bus, valkey_cluster: ValkeyCluster, record: str) -> None:
    """Whatever stands in place of lease or fence, a leader can be had."""
    for number in range(PARTITIONS):
        valkey_cluster.owner(number).command("HSET", partition_key(number), "#lease.test", record)
    token = await lead(bus)
    assert token
    await bus.broker.publish(EVERYWHERE, token=token)


async def test_a_lease_without_an_end(bus: Bus, valkey_cluster: ValkeyCluster) -> None:
    """A lease that another program wrote for ever ends as ours would."""
    token = await lead(bus)
    assert token
    record = f"{token.epoch} 99999999999999 another"
    valkey_cluster.owner(0).command("HSET", partition_key(0), "#lease.test", record)
    assert await bus.leadership.acquire("test", "we", 0.2) is None
    await until_free(bus, ttl_s=0.2)


async def test_leases_of_two_venues(bus: Bus, valkey_cluster: ValkeyCluster) -> None:
    """Each venue has its own lease and fences; one that changes hands leaves the other alone."""
    ours = await bus.leadership.acquire("poller", "we", 30)
    theirs = await bus.leadership.acquire("poller.kraken", "they", 30)
    assert ours
    assert theirs
    await bus.leadership.release(theirs)
    assert await bus.leadership.acquire("poller.kraken", "others", 30)
    await bus.broker.publish(EVERYWHERE, token=ours)
    with pytest.raises(LeaseLostError):
        await bus.broker.publish(EVERYWHERE, token=theirs)


async def test_a_standby_asks_one_partition_only(open_one: Opener, valkey_cluster: ValkeyCluster) -> None:
    """A claim that fails raises no fence and costs the other nodes nothing."""
    leader, standby = open_one(), open_one()
    assert await lead(leader, "leader")
    assert await lead(standby, "standby") is None
    for node in valkey_cluster.nodes:
        node.command("CONFIG", "RESETSTAT")
    assert await lead(standby, "standby") is None
    asked = [b"cmdstat_eval:" in node.command("INFO", "commandstats") for node in valkey_cluster.nodes[:3]]
    assert [node is valkey_cluster.owner(0) for node in valkey_cluster.nodes[:3]] == asked
    assert ACQUIRE != RAISE


async def test_tickets_and_stand_bys_move_with_their_slots(bus: Bus, valkey_cluster: ValkeyCluster) -> None:
    """What expires is found wherever its slot is by now."""
    await bus.leadership.stand_by("test", "we", 30)
    for number in range(20):
        await bus.tickets.put(f"t{number}", b"%d" % number, 30)
    source = valkey_cluster.owner(0)
    to = next(node for node in valkey_cluster.nodes[:3] if node is not source)
    valkey_cluster.move(0, to)
    assert "we" == await bus.leadership.take_stand_by("test")
    assert [b"%d" % number for number in range(20)] == [await bus.tickets.take(f"t{number}") for number in range(20)]
    assert await bus.tickets.take("t0") is None
    await until(lambda: valkey_cluster.owner(0) is to)
