"""Hosts of a network lose each other, lose packets one way, or die: each part of the platform has a host of its own."""

import asyncio
from collections.abc import Iterable

import pytest

from tests.integration.faults import together
from tests.integration.front_kinds import OTHERS, require
from tests.integration.hosts import bus_faults, catalogue, namespaces
from tests.integration.hosts.scenario import Scenario, run
from tests.integration.hosts.table import line_of
from tests.kafka import require_kafka

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

STARTED = ("gateway", "poller", "market", "deploy", "haproxy.cfg")
"""What the programs are made of that these tests start."""
QUICK = ("gateway and bus, partition", "gateway's host dies, and is started again")
AT_ONCE = 3
"""Scenarios mostly wait, and each has a network of its own."""


@pytest.fixture(scope="module", autouse=True)
def _hosts() -> None:
    """Skip everything, and say why, where there can be no network namespaces."""
    if reason := namespaces.why_not():
        pytest.skip(reason)


async def test_a_gateway_that_is_cut_off_or_dies() -> None:
    """Its clients are told or come back elsewhere, those of the other gateway notice nothing, and nothing is stuck."""
    await _all_of(its for its in catalogue.SCENARIOS if its.name in QUICK)


@pytest.mark.long(*STARTED)
@pytest.mark.parametrize(
    "scenarios",
    [
        pytest.param(catalogue.OF_POLLERS, id="pollers"),
        pytest.param(catalogue.OF_THE_BUS, id="bus"),
        pytest.param(catalogue.OF_THE_FRONT, id="front"),
        pytest.param(catalogue.OF_CLIENTS, id="clients"),
    ],
)
async def test_hosts_lose_each_other(scenarios: tuple[Scenario, ...]) -> None:
    """Nobody takes an old price for a current one, and all are current again soon, without anybody's help."""
    await _all_of(its for its in scenarios if its.name not in QUICK)


@pytest.mark.long(*STARTED)
async def test_an_old_primary_is_on_the_wrong_side_of_a_partition() -> None:
    """A gateway beside it says stale while no poller reaches it, all others follow the new one, and it does later."""
    await _all_of(bus_faults.OF_SENTINEL, bus="sentinel")


@pytest.mark.long(*STARTED)
@pytest.mark.timeout(900)
async def test_hosts_of_a_cluster_are_lost() -> None:
    """A host of the bus dies or is cut off, and the two others go on; who cannot reach one says so until it can."""
    await _all_of(bus_faults.OF_CLUSTER, bus="cluster")


@pytest.mark.long(*STARTED)
@pytest.mark.timeout(1_800)
async def test_hosts_of_kafka_are_lost() -> None:
    """A broker's host dies or is cut off, and the two others go on; who reaches none says so until it does."""
    require_kafka()
    await _all_of(bus_faults.OF_KAFKA, bus="kafka", at_once=1)


@pytest.mark.long(*STARTED)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("front", OTHERS)
async def test_hosts_behind_another_front_are_lost(front: str) -> None:
    """A gateway's host that goes without a word is given up as soon as HAProxy does it."""
    require(front)
    await _all_of(catalogue.OF_A_FRONT, front=front)


async def _all_of(
    scenarios: Iterable[Scenario], bus: str = "redis", front: str = "haproxy", at_once: int = AT_ONCE
) -> None:
    room = asyncio.Semaphore(at_once)

    async def one(scenario: Scenario) -> None:
        async with room:
            try:
                print(f"FAULT {line_of([await run(scenario, bus, front)])}")  # noqa: T201 # pytest shows it on failure
            except (AssertionError, TimeoutError, ExceptionGroup) as error:
                error.add_note(f"in: {scenario.name}")
                raise

    await together(*map(one, scenarios))
