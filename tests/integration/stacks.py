"""The launcher's stack on free ports, for tests: real processes, all of which are ended."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from deploy.launcher.programs import Plan, plan_cluster, plan_run
from deploy.launcher.stack import Stack
from deploy.ports import free_port
from tests.client import BothWays
from tests.side_by_side import start_of

GATEWAY_COUNT = 4

_INHERITED = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_CONFIG")
_DEFAULTS = {"FEED": "simulated", "SYMBOLS": "BTCUSDT,ETHUSDT,SOLUSDT"}


def environment(**settings: str) -> dict[str, str]:
    """A program's environment: what it needs to run, the tests' defaults, and ``settings``."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | _DEFAULTS | settings


def run_plan(**settings: str) -> Plan:
    """Valkey, poller and one gateway, on free ports. What ends is started again by the test, when it is to be."""
    return replace(plan_run(environment(GATEWAY_PORT=str(free_port()), **settings)), restart=False)


def cluster_plan(**settings: str) -> Plan:
    """Valkey, poller, four gateways and HAProxy, on free ports."""
    return plan_cluster(cluster_environment(**settings))


def cluster_environment(**settings: str) -> dict[str, str]:
    """The variables of a cluster on free ports."""
    variables = (
        "TICKGATE_BIND",
        "TICKGATE_STATS_BIND",
        *(f"TICKGATE_GATEWAY_{number}" for number in range(1, GATEWAY_COUNT + 1)),
    )
    addresses = {variable: f"127.0.0.1:{free_port()}" for variable in variables}
    return environment(**addresses, **settings)


@asynccontextmanager
async def stack_of(plan: Plan) -> AsyncIterator[Stack]:
    """A stack that is not started yet. At the end it is stopped, and nothing of it runs on."""
    stack = Stack(plan, lambda name, line: print(f"{name:<9} | {line}"))  # noqa: T201 # pytest shows it on failure
    try:
        yield stack
    finally:
        await stack.stop()
    left = members_of({pid for process in stack for pid in process.pids})
    assert left == {}


@asynccontextmanager
async def running(plan: Plan, within_s: float = 30) -> AsyncIterator[Stack]:
    """A stack that is ready."""
    async with stack_of(plan) as stack:
        await start(stack, within_s)
        yield stack


async def start(stack: Stack, within_s: float = 30) -> None:
    """Start a stack and wait until it is ready; not while many programs of other tests start."""
    plan = stack.plan
    async with start_of(len((plan.poller, *plan.other_pollers, *plan.gateways))), asyncio.timeout(within_s):
        await stack.start()


def ws_url(stack: Stack) -> str:
    """The addresses for clients: both ways, if HAProxy is before a single gateway."""
    plan = stack.plan
    url = f"ws://{plan.front}/ws"
    listening = [gateway.listens[0] for gateway in plan.gateways if gateway.listens]
    if plan.haproxy is None or len(listening) > 1:
        return url
    both = BothWays(url)
    both.straight = f"ws://{listening[0]}/ws"
    return both


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Poll until it is so: for changes in another process, which sends no event.

    Raises:
        TimeoutError: it did not become so in time.
    """
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 # there is no event to await
            await asyncio.sleep(0.03)


async def answers(url: str, status: int, within_s: float = 30) -> None:
    """Wait until a GET is answered with ``status``."""

    async def it_does() -> bool:
        return await http_status(url) == status

    await eventually(it_does, within_s)


async def http_status(url: str) -> int:
    """The status code of a GET; 0 without an answer."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status
    except aiohttp.ClientError:
        return 0


def members_of(sessions: set[int]) -> dict[int, str]:
    """The running processes of these sessions: id -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                # proc(5): the fields after the command's closing parenthesis are state, ppid, pgrp, session.
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) in sessions and state != "Z":
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue  # it ended while we looked
    return found


def children_of(parent: int) -> set[int]:
    """A launcher's programs, by id; each leads a session of its own."""
    return {int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}
