"""A gateway whose subscription has died in silence: it is out of service while others have prices, and heals itself."""

import asyncio

import aiohttp
import pytest

from deploy.launcher.stack import Stack
from tests.integration.faults import bus_port, with_gateways
from tests.integration.mute_subscriptions import MuteSubscriptions
from tests.integration.stacks import http_status, run_plan, running

pytestmark = [pytest.mark.integration, pytest.mark.long("gateway", "market", "tests/integration/test_behind.py")]


async def readiness(stack: Stack, name: str) -> int:
    """What a gateway answers to a balancer."""
    (address,) = next(program.listens for program in stack.plan.gateways if program.name == name)
    return await http_status(f"http://{address}/readyz")


async def behind(stack: Stack, name: str) -> str:
    """What a gateway's metrics say of it."""
    (address,) = next(program.listens for program in stack.plan.gateways if program.name == name)
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as response:
        lines = (await response.text()).splitlines()
    return next(line.split()[1] for line in lines if line.startswith("tickgate_behind "))


async def until_readiness(stack: Stack, name: str, status: int) -> None:
    """Wait for an answer."""
    async with asyncio.timeout(40):
        while await readiness(stack, name) != status:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.1)


async def test_a_gateway_that_is_alone_with_its_fault_leaves_service_until_it_is_over() -> None:
    """Its neighbour stays; and if all are stale, as the poller has died, both stay."""
    plan = run_plan()
    proxy = MuteSubscriptions()
    async with proxy.before(bus_port(plan)):
        plan = with_gateways(plan, good={}, bad={"BUS_URL": f"redis://127.0.0.1:{proxy.port}/0"})
        async with running(plan) as stack:
            await until_readiness(stack, "bad", 200)
            proxy.mute = True
            await until_readiness(stack, "bad", 503)
            assert 200 == await readiness(stack, "good")
            # An alert asks for it.
            assert ["1.0", "0.0"] == [await behind(stack, name) for name in ("bad", "good")]
            proxy.mute = False
            await until_readiness(stack, "bad", 200)
            await stack.stop_one(plan.poller.name)
            for _ in range(100):
                assert (200, 200) == (await readiness(stack, "good"), await readiness(stack, "bad"))
                await asyncio.sleep(0.1)
