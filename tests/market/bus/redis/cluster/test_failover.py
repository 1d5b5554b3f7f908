"""A bus whose nodes fail, and whose slots move while messages flow; on real clusters."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest

from market.bus import Batch, Bus, BusDownError, BusSubscription, LeaseLostError, Message, Token, in_partition
from market.bus.redis.cluster.subscription.subscription import ClusterSubscription
from tests.market.bus.redis.cluster.conftest import PARTITIONS, Opener
from tests.market.bus.using import lead
from tests.valkey_cluster import ClusterNode, ValkeyCluster
from tests.waiting import until

BARRIER = ("beats.all", b"!")


TTL_S = 1.0
"""Of a lease: not longer than the node timeout, after which a replica takes over at the earliest."""


class Poller:
    """Publishes numbers in every partition, and keeps them, as a leader that begins again after each fault."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.number = 0
        self.faults: list[Exception] = []
        self.taken = 0
        """The last number that the bus took."""

    async def run(self) -> None:
        token: Token | None = None
        while True:
            self.number += 1
            word = b"%d" % self.number
            events = [(in_partition("b", number), word) for number in range(PARTITIONS)]
            values = [(f"tick.S{number}", word) for number in range(20)]
            try:
                token = token or await lead(self._bus, "poller", TTL_S)
                await self._bus.broker.publish(Batch((), values, BARRIER, events), token=token)
            except (BusDownError, LeaseLostError) as error:
                self.faults.append(error)
                token = None
            else:
                self.taken = self.number
            await asyncio.sleep(0.005)


class Gateway:
    """Receives the numbers, and reads last values when it is told to."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.received: dict[str, list[int]] = {in_partition("b", number): [] for number in range(PARTITIONS)}
        self.gaps = 0
        self.link: BusSubscription | None = None

    def receive(self, batch: Sequence[Message]) -> None:
        for topic, payload in batch:
            self.received[topic].append(int(payload))

    async def run(self) -> None:
        self.link = await self._bus.broker.subscribe(self.received, self.receive)
        while True:
            self.link.ping()
            if self.link.missed.is_set():
                self.link.missed.clear()
                self.gaps += 1
            await asyncio.sleep(0.05)

    def knows_of_more(self, gaps: int) -> bool:
        """Whether it was told of a gap since there were ``gaps``."""
        return self.gaps > gaps

    def is_whole(self) -> bool:
        """Whether every partition is read."""
        return isinstance(self.link, ClusterSubscription) and all(seat.link for seat in self.link._seats)

    def has_all(self, number: int) -> bool:
        """Whether every partition has brought ``number`` or a later one."""
        return all(its and its[-1] >= number for its in self.received.values())

    def missing(self) -> int:
        """How many numbers have not come, of all partitions together."""
        return sum(its[-1] - its[0] + 1 - len(its) for its in self.received.values())

    def in_order(self) -> bool:
        """Whether no number came twice, or late."""
        return all(sorted(set(its)) == its for its in self.received.values())


@contextlib.asynccontextmanager
async def flowing(open_one: Opener, cluster: ValkeyCluster) -> AsyncIterator[tuple[Poller, Gateway]]:
    """A poller and a gateway while messages flow."""
    poller, gateway = Poller(open_one(cluster=cluster)), Gateway(open_one(cluster=cluster))
    tasks = [asyncio.create_task(gateway.run())]
    await until(lambda: gateway.link)
    tasks.append(asyncio.create_task(poller.run()))
    await until(lambda: gateway.has_all(5))
    try:
        yield poller, gateway
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert gateway.link is not None
        gateway.link.close()


async def recovered(poller: Poller, gateway: Gateway) -> None:
    """Wait until what is published now comes in every partition."""
    now = poller.number
    await until(lambda: poller.taken > now and gateway.has_all(now + 1))
    assert isinstance(gateway.link, ClusterSubscription)
    assert not gateway.link.interrupted
    assert not gateway.link.lost.done()


async def values_are_new(bus: Bus, poller: Poller) -> None:
    """The last values are those that were published last."""
    before = poller.taken
    found = await bus.last_values.read_all("tick.", max_bytes=9)
    assert 20 == len(found)
    assert all(before <= int(value) for value in found.values()), found


async def test_slots_that_move_while_messages_flow(open_one: Opener, valkey_cluster: ValkeyCluster) -> None:
    """Each move is followed: nothing comes twice or in another order, what is missed is told, no publish fails."""
    async with flowing(open_one, valkey_cluster) as (poller, gateway):
        for _ in range(2):
            for partition in range(PARTITIONS):
                source = valkey_cluster.owner(partition)
                to = next(node for node in valkey_cluster.nodes[:3] if node is not source)
                gaps = gateway.gaps
                await asyncio.to_thread(valkey_cluster.move, partition, to)
                await until(partial(gateway.knows_of_more, gaps))
                await recovered(poller, gateway)
        assert [] == poller.faults
        assert gateway.in_order()
        # What is published between the keys' move and the slot's reaches nobody: moments, and told.
        assert gateway.missing() < 12 * 20
        await values_are_new(open_one(), poller)


async def test_a_failover_by_hand_loses_nothing(open_one: Opener, valkey_cluster: ValkeyCluster) -> None:
    """A replica that takes over in agreement with its primary costs no message that was published."""
    async with flowing(open_one, valkey_cluster) as (poller, gateway):
        await valkey_cluster.fail_over(1)
        await until(lambda: gateway.gaps)
        await recovered(poller, gateway)
        assert gateway.in_order()
        await values_are_new(open_one(), poller)
    assert [] == poller.faults


@pytest.mark.parametrize("how", ["killed", pytest.param("frozen", marks=pytest.mark.long)])
async def test_a_primary_that_fails(open_one: Opener, own_cluster: ValkeyCluster, how: str) -> None:
    """Its replica takes over, both sides follow by themselves, and the other partitions' link is the same."""
    async with flowing(open_one, own_cluster) as (poller, gateway):
        primary = own_cluster.owner(1)
        replica = own_cluster.replica_of(primary)
        assert isinstance(gateway.link, ClusterSubscription)
        others = {seat.link for seat in gateway.link._seats if seat.link and seat.link.address.port != primary.port}
        if how == "killed":
            primary.kill()
            await _follows(poller, gateway, replica)
        else:
            with primary.frozen():
                await _follows(poller, gateway, replica)
            # It wakes up, and finds that it is a replica now.
            await until(lambda: primary.says("replication", b"role:slave"))
            await recovered(poller, gateway)
        assert poller.faults
        assert gateway.in_order()
        assert others <= {seat.link for seat in gateway.link._seats}
        await values_are_new(open_one(cluster=own_cluster), poller)


async def _follows(poller: Poller, gateway: Gateway, replica: ClusterNode) -> None:
    await until(lambda: replica.says("replication", b"role:master"))
    await until(lambda: gateway.gaps)
    await recovered(poller, gateway)


async def test_a_publish_that_a_frozen_node_takes_after_the_term(
    open_one: Opener, valkey_cluster: ValkeyCluster
) -> None:
    """A node that wakes up after the end of a term refuses what was sent to it in that term."""
    bus = open_one()
    node = valkey_cluster.owner(1)
    await bus.broker.publish(Batch(values=[("tick.S0", b"1")]))
    token = await bus.leadership.acquire("test", "we", 1)
    node.command("CONFIG", "RESETSTAT")
    with node.frozen(), pytest.raises(BusDownError):
        await bus.broker.publish(Batch(events=[("1#b", b"late")], barrier=BARRIER), token=token)
    await until(lambda: b"errorstat_LEASELOST" in node.command("INFO", "errorstats"))


@pytest.mark.long
async def test_a_late_publish_to_a_node_that_was_replaced(open_one: Opener, own_cluster: ValkeyCluster) -> None:
    """What an old leader sent to a frozen primary reaches nobody after a new leader has begun on its replica."""
    old, new = open_one(cluster=own_cluster), open_one(cluster=own_cluster)
    gateway = Gateway(open_one(cluster=own_cluster))
    running = asyncio.create_task(gateway.run())
    await until(lambda: gateway.link)
    token = await old.leadership.acquire("test", "old", TTL_S)
    await old.broker.publish(Batch((), [("tick.S0", b"1")], BARRIER, [("1#b", b"1")]), token=token)
    primary = own_cluster.owner(1)
    replica = own_cluster.replica_of(primary)
    with primary.frozen():
        with pytest.raises(BusDownError):
            await old.broker.publish(Batch(events=[("1#b", b"666")]), token=token)
        await until(lambda: replica.says("replication", b"role:master"))
        async with asyncio.timeout(20):
            term: Token | None = None
            while term is None:
                with contextlib.suppress(BusDownError):
                    term = await lead(new, "new")
                await asyncio.sleep(0.02)
        await until(lambda: gateway.gaps and gateway.is_whole())
        await new.broker.publish(Batch(events=[("1#b", b"2")]), token=term)
    await until(lambda: primary.says("replication", b"role:slave"))
    with pytest.raises(LeaseLostError):
        await old.broker.publish(Batch(events=[("1#b", b"667")]), token=token)
    await new.broker.publish(Batch(events=[("1#b", b"3")]), token=term)
    await until(lambda: gateway.received["1#b"][-1] == 3)
    assert [1, 2, 3] == gateway.received["1#b"]
    running.cancel()
    await asyncio.wait((running,))
    assert gateway.link is not None
    gateway.link.close()
