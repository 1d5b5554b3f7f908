"""`make cluster BUS=…`: every bus that the launcher can start, under gateways behind HAProxy."""

import pytest

from deploy.buses.registry import BUSES, DEFAULT
from tests.integration.faults import assert_stayed, subscribers, until_more
from tests.integration.stacks import cluster_plan, running, ws_url

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]


@pytest.mark.parametrize("bus", [name for name in BUSES if name != DEFAULT])
async def test_a_cluster_on_another_bus(bus: str) -> None:
    """It is up within the time of any cluster, its clients receive prices, and at its end nothing is left."""
    plan = cluster_plan(BUS=bus)
    async with running(plan, within_s=60) as stack, subscribers(ws_url(stack), count=4) as clients:
        await until_more(clients)
        assert_stayed(clients)
        assert plan.bus is not None
        assert all(stack[program.name].running for program in plan.bus)
