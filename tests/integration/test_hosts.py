"""Hosts of a network lose each other, lose packets one way, or die: each part of the platform has a host of its own."""

import asyncio
from collections.abc import Iterable

import pytest

from market.bus.registry import SCHEMES
from tests.integration.faults import together
from tests.integration.hosts import catalogue, namespaces
from tests.integration.hosts.scenario import Scenario, run

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

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


@pytest.mark.long("gateway", "poller", "market", "deploy", "haproxy.cfg")
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


@pytest.mark.skipif("redis+sentinel" not in SCHEMES, reason="no bus of several servers is built in")
@pytest.mark.long("gateway", "poller", "market", "deploy", "haproxy.cfg")
async def test_an_old_primary_is_on_the_wrong_side_of_a_partition() -> None:
    """A gateway beside it says stale while no poller reaches it, all others follow the new one, and it does later."""
    await _all_of(catalogue.OF_SENTINEL, bus="sentinel")


async def _all_of(scenarios: Iterable[Scenario], bus: str = "redis") -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(scenario: Scenario) -> None:
        async with room:
            try:
                print(f"FAULT {await run(scenario, bus)}")  # noqa: T201 # pytest shows it on failure
            except (AssertionError, TimeoutError, ExceptionGroup) as error:
                error.add_note(f"in: {scenario.name}")
                raise

    await together(*map(one, scenarios))
