"""One worker takes over from another, or a gateway stops, while clients come all the time: none is turned away."""

import os
import signal
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.programs import GUNICORN
from tests.client import Client
from tests.integration.faults import now, subscribers, tell
from tests.integration.haproxy_stats import until_state
from tests.integration.newcomers import Newcomers, coming
from tests.integration.stacks import GATEWAY_COUNT, cluster_plan, eventually, run_plan, running, ws_url

pytestmark = [pytest.mark.integration]

RATE = 100
"""Newcomers a second."""
DRAIN_SECONDS = "1.5"
EACH = 3
"""Clients of each gateway that stay, so that a drain takes its time."""


@pytest.mark.haproxy
async def test_nobody_is_turned_away_while_four_gateways_are_reloaded() -> None:
    """SIGHUP to all four gunicorns at once, behind HAProxy: who comes has its price, who is there leaves with 1012."""
    async with (
        running(cluster_plan(DRAIN_SECONDS=DRAIN_SECONDS)) as stack,
        subscribers(ws_url(stack), EACH * GATEWAY_COUNT) as clients,
        coming(stack.plan.front, RATE) as newcomers,
    ):
        arbiters = [stack[program.name].pid for program in stack.plan.gateways]
        await until_more(newcomers)
        began = now()
        old = [workers_of(arbiter) for arbiter in arbiters]
        for arbiter in arbiters:
            os.kill(arbiter, signal.SIGHUP)
        for arbiter, workers in zip(arbiters, old, strict=True):
            await until_replaced(arbiter, workers)
        took_s = now() - began
        assert await ends_of(clients) == {1012}
        await until_more(newcomers)
    report("four gateways reloaded", newcomers, took_s)


@pytest.mark.haproxy
async def test_nobody_is_turned_away_while_four_gateways_are_restarted() -> None:
    """SIGTERM to one gateway after the other, with and without clients, and each started again."""
    async with (
        running(cluster_plan(DRAIN_SECONDS=DRAIN_SECONDS)) as stack,
        subscribers(ws_url(stack), EACH) as clients,
        coming(stack.plan.front, RATE) as newcomers,
    ):
        began = now()
        for gateway in (program.name for program in stack.plan.gateways):
            assert await stack.stop_one(gateway) == 0
            await stack.start_one(gateway)
            await stack.until_ready(gateway)
            await until_state(stack, gateway, "UP")
        took_s = now() - began
        assert await ends_of(clients) == {1012}
    report("four gateways restarted", newcomers, took_s)


async def test_nobody_is_turned_away_by_a_gateway_that_is_reloaded_with_nothing_before_it() -> None:
    """Straight on its port: twice at once, with settings that cannot be used, and with a second worker for a while."""
    plan = run_plan(DRAIN_SECONDS=DRAIN_SECONDS)
    plan = replace(plan, gateways=(replace(plan.gateways[0], command=GUNICORN),))
    async with running(plan) as stack, coming(plan.front, RATE) as newcomers:
        arbiter = stack["gateway"].pid
        async with subscribers(ws_url(stack), EACH) as clients:
            began = now()
            old = workers_of(arbiter)
            for _ in range(2):
                os.kill(arbiter, signal.SIGHUP)
            await until_replaced(arbiter, old)
            took_s = now() - began
            assert await ends_of(clients) == {1012}
            await until_more(newcomers)
    report("gateway reloaded", newcomers, took_s)


async def until_more(newcomers: Newcomers, more: int = RATE) -> None:
    """Wait until so many more have come and gone."""
    wanted = newcomers.outcomes.total() + more

    async def they_have() -> bool:
        return newcomers.outcomes.total() >= wanted

    await eventually(they_have, within_s=30)


async def ends_of(clients: Iterable[Client]) -> set[int | None]:
    """The close codes of all, once each has ended."""
    return {await client.until_closed() for client in clients}


def workers_of(arbiter: int) -> set[int]:
    """The processes that an arbiter started."""
    return {int(child) for child in Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()}


async def until_replaced(arbiter: int, old: set[int]) -> None:
    """Wait until the workers are others, and the old ones are gone."""

    async def they_are() -> bool:
        workers = workers_of(arbiter)
        return bool(workers) and not workers & old

    await eventually(they_are, within_s=40)


def report(fault: str, newcomers: Newcomers, took_s: float) -> None:
    """Tell the figures; everybody was served."""
    refused = f"{sum(newcomers.failed.values())} of {newcomers.outcomes.total()}"
    tell(fault, took=took_s, refused=refused, slowest_newcomer=newcomers.slowest_s)
    assert newcomers.failed == {}
