"""Who has which slot, by what several nodes say; on a virtual clock."""

import asyncio
import random
from collections.abc import Iterable
from typing import Any, cast

from redis.exceptions import ConnectionError as RedisConnectionError

from market.bus.redis.cluster.connection.nodes import Nodes
from market.bus.redis.cluster.connection.topology import Topology
from market.bus.redis.cluster.connection.url import Address
from tests.fakes import run_virtual

ADDRESSES = [Address("10.0.0.1", port) for port in range(6)]


class FakePipe:
    """Says what a node knows, after some time."""

    def __init__(self, epoch: int, owner: Address, after_s: float = 0.0) -> None:
        self.epoch, self.owner, self.after_s = epoch, owner, after_s

    async def execute(self, request: bytes) -> Any:
        await asyncio.sleep(self.after_s)
        if b"SLOTS" in request:
            return [[0, 16_383, *([address.host.encode(), address.port, b""] for address in self.order())]]
        return b"cluster_state:ok\r\ncluster_current_epoch:%d\r\ncluster_my_epoch:1\r\n" % self.epoch

    def order(self) -> list[Address]:
        return [self.owner, *(address for address in ADDRESSES if address != self.owner)]


class FakeNodes:
    """Nodes, of which some do not answer."""

    def __init__(self, pipes: dict[Address, FakePipe]) -> None:
        self.answers = pipes
        self.asked: list[Address] = []
        self.kept: frozenset[Address] = frozenset()
        self.pipes = self

    async def get(self, address: Address) -> FakePipe:
        self.asked.append(address)
        if address not in self.answers:
            raise RedisConnectionError(f"{address} is gone")
        return self.answers[address]

    def keep(self, addresses: frozenset[Address]) -> None:
        self.kept = addresses


def topology_of(nodes: FakeNodes, seeds: Iterable[Address] = ADDRESSES[:1]) -> Topology:
    """What is known of ``nodes`` by ``seeds``."""
    return Topology(cast("Nodes", nodes), seeds, random.Random(1))


def test_the_seeds_are_asked_first_and_then_all_nodes() -> None:
    """What a seed says makes the others known; connections to nodes that have left are closed."""

    async def main() -> None:
        nodes = FakeNodes({address: FakePipe(1, ADDRESSES[4]) for address in ADDRESSES})
        topology = topology_of(nodes)
        assert topology.owner(0) is None
        await topology.refresh()
        assert (ADDRESSES[:1], ADDRESSES[4]) == (nodes.asked, topology.owner(0))
        assert frozenset(ADDRESSES) == nodes.kept
        nodes.asked.clear()
        await topology.refresh()
        assert 3 == len(nodes.asked)

    run_virtual(main())


def test_a_node_that_stayed_behind_is_not_believed() -> None:
    """Of several answers that of the highest epoch counts: the others may be of nodes that are cut off."""

    async def main() -> None:
        nodes = FakeNodes({address: FakePipe(5, ADDRESSES[0]) for address in ADDRESSES})
        nodes.answers[ADDRESSES[2]] = FakePipe(6, ADDRESSES[3], after_s=0.02)
        topology = topology_of(nodes, ADDRESSES[:3])
        await topology.refresh()
        assert ADDRESSES[3] == topology.owner(0)

    run_virtual(main())


def test_a_node_that_is_slow_delays_nobody() -> None:
    """The others' answers are enough; a suspect is asked last."""

    async def main() -> None:
        nodes = FakeNodes({address: FakePipe(5, ADDRESSES[0]) for address in ADDRESSES})
        nodes.answers[ADDRESSES[1]] = FakePipe(9, ADDRESSES[1], after_s=60)
        topology = topology_of(nodes, ADDRESSES[:3])
        await topology.refresh()
        assert ADDRESSES[0] == topology.owner(0)
        assert asyncio.get_running_loop().time() < 0.2
        for _ in range(10):
            nodes.asked.clear()
            await topology.refresh(ADDRESSES[2])
            assert ADDRESSES[2] not in nodes.asked

    run_virtual(main())


def test_where_three_do_not_answer_all_are_asked() -> None:
    """One node that lives is found; where none lives the reason is kept, and what was known stays."""

    async def main() -> None:
        nodes = FakeNodes({address: FakePipe(1, ADDRESSES[0]) for address in ADDRESSES})
        topology = topology_of(nodes)
        await topology.refresh()
        nodes.answers = {ADDRESSES[5]: FakePipe(2, ADDRESSES[5])}
        for _ in range(5):
            await topology.refresh()
            assert (ADDRESSES[5], "") == (topology.owner(0), topology.trouble)
        nodes.answers = {}
        await topology.refresh()
        assert ADDRESSES[5] == topology.owner(0)
        assert "is gone" in topology.trouble

    run_virtual(main())


def test_moved_counts_until_the_nodes_know_better() -> None:
    """What `MOVED` said outlives answers of the same epoch, and not those of a higher one."""

    async def main() -> None:
        nodes = FakeNodes({address: FakePipe(5, ADDRESSES[0]) for address in ADDRESSES})
        topology = topology_of(nodes)
        await topology.refresh()
        topology.moved(7, ADDRESSES[1])
        await topology.refresh()
        assert (ADDRESSES[1], ADDRESSES[0]) == (topology.owner(7), topology.owner(8))
        nodes.answers = {address: FakePipe(6, ADDRESSES[2]) for address in ADDRESSES}
        await topology.refresh()
        assert ADDRESSES[2] == topology.owner(7)

    run_virtual(main())


def test_rounds_are_shared_and_not_too_many() -> None:
    """Callers that ask at the same time share a round, and the next one does not follow at once."""

    async def main() -> None:
        nodes = FakeNodes({address: FakePipe(5, ADDRESSES[0]) for address in ADDRESSES})
        topology = topology_of(nodes)
        await asyncio.gather(*(topology.refresh() for _ in range(50)))
        assert 1 == len(nodes.asked)
        for _ in range(10):
            await topology.refresh()
        assert asyncio.get_running_loop().time() >= 0.99
        topology.refresh_soon()
        await topology.aclose()

    run_virtual(main())


def test_nodes_without_a_cluster() -> None:
    """A server that has no slots says how to make a cluster; one that speaks otherwise is named."""

    class Alone(FakePipe):
        async def execute(self, request: bytes) -> Any:
            return [] if b"SLOTS" in request else b"cluster_current_epoch:0"

    class Strange(FakePipe):
        async def execute(self, request: bytes) -> Any:
            return b"what?"

    async def main() -> None:
        for pipe, said in ((Alone, "CLUSTER MEET"), (Strange, "10.0.0.1:0 answers CLUSTER SLOTS")):
            topology = topology_of(FakeNodes({ADDRESSES[0]: pipe(0, ADDRESSES[0])}))
            await topology.refresh()
            assert said in topology.trouble
            assert topology.owner(0) is None

    run_virtual(main())
