"""Nodes of a Valkey Cluster fail, and its slots move: a poller, two gateways and their clients follow.

Real clusters, of three primaries with a replica each and six partitions.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from deploy.launcher.stack import Stack
from gateway.fanout.feed.venue_feed import INTERRUPTED
from market.wire.codec import decode_tick
from tests.client import Client
from tests.integration.faults import (
    SYMBOLS,
    assert_never_stale,
    assert_stayed,
    assert_told_once,
    feeds,
    now,
    subscribers,
    tell,
    together,
    until_current,
    until_more,
    until_stale,
    url_of,
    with_gateways,
)
from tests.integration.stacks import eventually, run_plan, running
from tests.valkey_cluster import PRIMARIES, ClusterNode, ValkeyCluster

pytestmark = pytest.mark.integration

GATEWAYS = ("first", "second")
PARTITIONS = 6
NODE_TIMEOUT_MS = 2_000
TAKEN_OVER_WITHIN_S = 20
"""That is the cluster's own business."""
FOLLOWED_WITHIN_S = 5
"""From the moment when a replica is a primary until every client is live and current."""


@dataclass
class Scene:
    """The cluster, who uses it, and two clients of each gateway."""

    cluster: ValkeyCluster
    stack: Stack
    clients: list[Client]

    def with_ticks(self) -> ClusterNode:
        """The primary that has a partition with ticks, and not the lease."""
        lease = self.cluster.owner(0)
        for partition in range(PARTITIONS):
            node = self.cluster.owner(partition)
            if node is not lease and any(field.startswith(b"tick.") for field in self.cluster.values(partition)):
                return node
        return lease

    async def until_taken_over(self, old: ClusterNode) -> float:
        """Wait until the replica of ``old`` is a primary; return the seconds."""
        began, replica = now(), self.cluster.replica_of(old)

        async def it_is() -> bool:
            return await asyncio.to_thread(replica.says, "replication", b"role:master")

        await eventually(it_is, TAKEN_OVER_WITHIN_S)
        return now() - began

    async def last_values(self) -> set[str]:
        """The symbols that the cluster has a tick of."""
        found = [await asyncio.to_thread(self.cluster.values, number) for number in range(PARTITIONS)]
        return {
            decode_tick(payload).symbol
            for values in found
            for field, payload in values.items()
            if field.startswith(b"tick.")
        }

    def told(self) -> str:
        """What clients were told after prices had been live; `nothing` if they were live all the time."""
        reasons: set[str] = set()
        for client in self.clients:
            statuses = [message for message in client.messages if message["type"] == "status"]
            after = itertools.dropwhile(lambda status: status["feed"] != "live", statuses)
            reasons.update(status["reason"] for status in after if status["feed"] == "stale")
        return ", ".join(sorted(reasons)) or "nothing"


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """Everything runs, and every client is live."""
    async with AsyncExitStack() as exits:
        cluster = ValkeyCluster(node_timeout_ms=NODE_TIMEOUT_MS)
        exits.callback(cluster.stop)
        await asyncio.to_thread(cluster.start)
        plan = run_plan(BUS_URL=cluster.url, BUS_PARTITIONS=str(PARTITIONS))
        stack = await exits.enter_async_context(running(with_gateways(plan, **{name: {} for name in GATEWAYS})))
        clients = []
        for gateway in GATEWAYS:
            clients += await exits.enter_async_context(subscribers(url_of(stack, gateway), 2))
        # A gateway that has just started reads symbols' channels first, and batches once their poller has told of them.
        await until_more(clients, prices=100)
        yield Scene(cluster, stack, clients)


Fault = Callable[[Scene], Awaitable[None]]


async def _fails(name: str, which: Callable[[Scene], ClusterNode], *, frozen: bool = False) -> None:
    """A primary is killed, or frozen and thawed when its replica has taken over and everybody follows that."""
    async with scene() as there:
        old = which(there)
        if frozen:
            with old.frozen():
                taken_over = await there.until_taken_over(old)
                back = await until_current(there.clients, within_s=FOLLOWED_WITHIN_S)
            told = [len(feeds(client)) for client in there.clients]
            await eventually(lambda: _is_replica(old), within_s=20)
            await until_more(there.clients)
            assert told == [len(feeds(client)) for client in there.clients]
        else:
            await asyncio.to_thread(old.kill)
            taken_over = await there.until_taken_over(old)
            back = await until_current(there.clients, within_s=FOLLOWED_WITHIN_S)
        assert_told_once(there.clients)
        assert set(SYMBOLS) == await there.last_values()
        tell(f"cluster: {name}", told=there.told(), taken_over_after=taken_over, back_after_that=back)


async def _is_replica(node: ClusterNode) -> bool:
    return await asyncio.to_thread(node.says, "replication", b"role:slave")


@pytest.mark.long("gateway", "poller", "market")
async def test_clients_are_live_again_within_seconds_of_a_takeover() -> None:
    """A primary is killed: nobody is disconnected, clients are told `stale` once, and then `live`."""
    await _fails("a primary killed (kill -9)", Scene.with_ticks)


@pytest.mark.long("gateway", "poller", "market")
async def test_any_primary_may_fail() -> None:
    """The one with the lease is killed, or one is frozen and comes back in the belief that it is the primary."""
    await together(
        _fails("the primary with the lease killed", lambda there: there.cluster.owner(0)),
        _fails("a primary frozen (SIGSTOP), later thawed", Scene.with_ticks, frozen=True),
    )


@pytest.mark.long("gateway", "poller", "market")
async def test_a_failover_by_hand() -> None:
    """Ordered in agreement with the primary, it goes unnoticed; forced, too."""
    for how in ((), ("FORCE",)):
        async with scene() as there:
            began = now()
            await there.cluster.fail_over(1, *how)
            took = now() - began
            await until_more(there.clients)
            assert_stayed(there.clients)
            assert_never_stale(there.clients)
            tell(f"cluster: failover ordered (CLUSTER FAILOVER {' '.join(how)})", told="nothing", taken_over_after=took)


@pytest.mark.long("gateway", "poller", "market")
async def test_every_partition_moves() -> None:
    """Resharding goes unnoticed: every partition moves to another primary, and back."""
    async with scene() as there:
        began = now()
        for _, partition in itertools.product(range(2), range(PARTITIONS)):
            source = there.cluster.owner(partition)
            to = next(node for node in there.cluster.nodes[:PRIMARIES] if node is not source)
            await asyncio.to_thread(there.cluster.move, partition, to)
            await until_more(there.clients, prices=5)
        assert_stayed(there.clients)
        assert_never_stale(there.clients)
        assert set(SYMBOLS) == await there.last_values()
        tell("cluster: each of six partitions moved twice while ticks flow", told="nothing", took=now() - began)


@pytest.mark.long("gateway", "poller", "market")
async def test_a_slot_that_is_left_half_moved() -> None:
    """Its key is at the new node, and the slot at the old one: the partition is silent, and that is told."""
    async with scene() as there:
        to = next(node for node in there.cluster.nodes[:PRIMARIES] if node is not there.cluster.owner(0))
        source = await asyncio.to_thread(there.cluster.begin_move, 0, to)
        await asyncio.to_thread(there.cluster.move_keys, 0, source, to)
        stale = await until_stale(there.clients, "partition 0 of the bus is silent")
        await asyncio.to_thread(there.cluster.end_move, 0, source, to)
        back = await until_current(there.clients, within_s=FOLLOWED_WITHIN_S)
        assert_told_once(there.clients)
        tell("cluster: a slot left half moved", told=there.told(), stale_after=stale, back_after_the_rest=back)


@pytest.mark.long("gateway", "poller", "market")
async def test_a_primary_that_is_killed_with_its_replica() -> None:
    """Without them prices are stale; when the primary comes back, empty, everything is published again."""
    async with scene() as there:
        old = there.with_ticks()
        replica = there.cluster.replica_of(old)
        await asyncio.to_thread(replica.kill)
        await asyncio.to_thread(old.kill)
        stale = await until_stale(there.clients, "")
        await asyncio.sleep(5)
        await asyncio.to_thread(old.start)
        back = await until_current(there.clients, within_s=TAKEN_OVER_WITHIN_S)
        assert_told_once(there.clients)
        assert set(SYMBOLS) == await there.last_values()
        tell("cluster: a primary and its replica killed", told=there.told(), stale_after=stale, back_after_start=back)


@pytest.mark.long("gateway", "poller", "market")
async def test_a_node_that_is_full() -> None:
    """A node that takes no more data stops the poller, and that is told, until it takes data again."""
    async with scene() as there:
        full = there.with_ticks()
        await asyncio.to_thread(full.command, "CONFIG", "SET", "maxmemory", 1)
        stale = await until_stale(there.clients, "silent")
        await asyncio.to_thread(full.command, "CONFIG", "SET", "maxmemory", 0)
        back = await until_current(there.clients)
        assert_told_once(there.clients)
        tell("cluster: a node full (maxmemory)", told=there.told(), stale_after=stale, back_after_room=back)


@pytest.mark.long("gateway", "poller", "market")
async def test_a_connection_that_is_cut() -> None:
    """A node that ends the gateways' connections is connected to again before anybody is told."""
    async with scene() as there:
        for _ in range(5):
            for node in there.cluster.nodes[:PRIMARIES]:
                await asyncio.to_thread(node.command, "CLIENT", "KILL", "TYPE", "pubsub")
            await until_more(there.clients)
        assert_stayed(there.clients)
        assert INTERRUPTED not in there.told()
        tell("cluster: all gateways' connections cut five times", told=there.told())
