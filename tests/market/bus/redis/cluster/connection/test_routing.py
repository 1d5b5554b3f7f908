"""The way to the node that has a slot; on a virtual clock."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from market.bus.redis.cluster.connection.pipe import UnansweredError
from market.bus.redis.cluster.connection.routing import Route
from market.bus.redis.cluster.connection.topology import Topology
from market.bus.redis.cluster.connection.url import Address
from tests.fakes import run_virtual

A, B, C = (Address("10.0.0.1", port) for port in (1, 2, 3))
SLOT = 7


class FakeTopology(Topology):
    """Knows one slot, and learns what a test says when it is asked anew."""

    def __init__(self, owner: Address | None) -> None:
        self.known = owner
        self.truth = owner
        self.rounds: list[Address | None] = []
        self.trouble = ""
        self.answered = True

    @property
    def has_answered(self) -> bool:
        return self.answered

    def owner(self, slot: int) -> Address | None:
        assert slot == SLOT
        return self.known

    def moved(self, slot: int, address: Address) -> None:
        self.known = address

    async def refresh(self, suspect: Address | None = None) -> None:
        self.rounds.append(suspect)
        await asyncio.sleep(0.1)
        self.known = self.truth


def route_of(
    topology: FakeTopology, *answers: Exception | str, repeat: bool = False
) -> tuple[Route[str], list[tuple[Address, bool]]]:
    """A route on which nodes say ``answers`` in turn, and whom it asks."""
    asked: list[tuple[Address, bool]] = []
    waiting = list(answers)

    async def action(address: Address, asking: bool) -> str:
        asked.append((address, asking))
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    its: Callable[[Address, bool], Awaitable[str]] = action
    return Route(topology, SLOT, its, random.Random(1), repeat=repeat), asked


def test_moved_is_followed_and_remembered() -> None:
    """The node that `MOVED` names is asked next, and first from then on."""

    async def main() -> None:
        topology = FakeTopology(A)
        route, asked = route_of(topology, ResponseError("MOVED 7 10.0.0.1:2"), "yes")
        assert "yes" == await route.run()
        assert [(A, False), (B, False)] == asked
        assert (B, []) == (topology.known, topology.rounds)
        assert 0 == asyncio.get_running_loop().time()

    run_virtual(main())


def test_ask_is_followed_once() -> None:
    """The node that `ASK` names is asked once, with leave; the slot's owner stays the owner."""

    async def main() -> None:
        topology = FakeTopology(A)
        route, asked = route_of(topology, ResponseError("ASK 7 10.0.0.1:2"), ResponseError("TRYAGAIN x"), "yes")
        assert "yes" == await route.run()
        assert [(A, False), (B, True), (A, False)] == asked
        assert A == topology.known

    run_virtual(main())


def test_nodes_that_send_us_in_circles_are_asked_slowly() -> None:
    """Two nodes that each take the other for the owner are not asked again and again at once."""

    async def main() -> None:
        topology = FakeTopology(A)
        circle = [ResponseError(f"MOVED 7 :{port}") for port in (2, 1) * 5]
        route, asked = route_of(topology, *circle, "yes")
        assert "yes" == await route.run()
        assert [A, B] * 5 + [A] == [address for address, _ in asked]
        assert asyncio.get_running_loop().time() > 0.5

    run_virtual(main())


@pytest.mark.parametrize("refusal", ["TRYAGAIN x", "CLUSTERDOWN x", "LOADING x", "READONLY x", "MASTERDOWN x"])
def test_what_will_pass_is_waited_for(refusal: str) -> None:
    """A refusal that ends by itself is answered by asking again, of the node that has the slot by then."""

    async def main() -> None:
        topology = FakeTopology(A)
        topology.truth = B
        route, asked = route_of(topology, ResponseError(refusal), "yes")
        assert "yes" == await route.run()
        assert [A, B] == [address for address, _ in asked]
        assert refusal == route.trouble

    run_virtual(main())


@pytest.mark.parametrize("refusal", ["LEASELOST x", "OOM x", "NOPERM x", "ERR x", "X"])
def test_what_will_not_pass_is_raised(refusal: str) -> None:
    """Any other refusal is the answer."""

    async def main() -> None:
        route, asked = route_of(FakeTopology(A), ResponseError(refusal), "yes")
        with pytest.raises(ResponseError, match=refusal):
            await route.run()
        assert [(A, False)] == asked

    run_virtual(main())


def test_a_node_that_cannot_be_reached_is_suspected() -> None:
    """The others are asked who has the slot by now, and it is tried again."""

    async def main() -> None:
        topology = FakeTopology(A)
        topology.truth = C
        route, asked = route_of(topology, OSError("refused"), "yes")
        assert "yes" == await route.run()
        assert [A, C] == [address for address, _ in asked]
        assert [A] == topology.rounds

    run_virtual(main())


@pytest.mark.parametrize("repeat", [False, True])
def test_a_lost_answer(repeat: bool) -> None:
    """What was sent and not answered is sent again only if it may be done twice."""

    async def main() -> None:
        route, asked = route_of(FakeTopology(A), UnansweredError("lost"), "yes", repeat=repeat)
        if repeat:
            assert "yes" == await route.run()
        else:
            with pytest.raises(UnansweredError):
                await route.run()
        assert (2 if repeat else 1) == len(asked)

    run_virtual(main())


def test_a_slot_that_nobody_has() -> None:
    """A slot without a node is asked for until it has one, at growing intervals, and the reason is told."""

    async def main() -> None:
        topology = FakeTopology(None)
        route, asked = route_of(topology, "yes")
        running = asyncio.create_task(route.run())
        await asyncio.sleep(10)
        assert 15 < len(topology.rounds) < 40
        assert "no node of the cluster has the slot of this partition" == route.trouble
        topology.truth = B
        assert "yes" == await running
        assert [(B, False)] == asked

    run_virtual(main())


def test_a_cluster_that_has_never_answered() -> None:
    """Where no node has ever said who has which slot, the reason is raised at once."""

    async def main() -> None:
        topology = FakeTopology(None)
        topology.answered, topology.trouble = False, "refused user or password"
        route, asked = route_of(topology, "yes")
        with pytest.raises(RedisConnectionError, match=r"^refused user or password$"):
            await route.run()
        assert ([], [None]) == (asked, topology.rounds)

    run_virtual(main())
