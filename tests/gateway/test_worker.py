"""The gateway as gunicorn runs it; how it stops is in tests/integration/test_stop.py."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.launcher.programs import GUNICORN
from deploy.launcher.stack import Stack
from deploy.ports import free_port
from deploy.process.processes import ROOT
from tests.client import connected
from tests.integration.stacks import answers, eventually, members_of, run_plan, running

pytestmark = [pytest.mark.integration, pytest.mark.measured]

STORM = 1000


@asynccontextmanager
async def gunicorn() -> AsyncIterator[Stack]:
    """Run one gateway under gunicorn."""
    plan = run_plan()
    async with running(replace(plan, gateways=(replace(plan.gateways[0], command=GUNICORN),))) as stack:
        yield stack


@pytest.mark.skipif(
    int(Path("/proc/sys/net/core/somaxconn").read_text()) < STORM, reason="the kernel's own limit is lower"
)
@pytest.mark.alone  # a thousand connects within 0.9 s
async def test_a_storm_of_clients_waits_in_the_backlog_and_all_are_served() -> None:
    """A thousand connections made while the worker is busy are all there when it is back, none refused or dropped."""
    async with gunicorn() as stack, AsyncExitStack() as sockets:
        address = stack.plan.front
        stack["gateway"].send_all(signal.SIGSTOP)
        try:
            # With aiohttp's backlog of 128 the kernel drops the rest, and they try again after a second or more.
            async with asyncio.timeout(0.9):
                for _ in range(STORM):
                    client = sockets.enter_context(socket.socket())
                    client.setblocking(False)
                    await asyncio.get_running_loop().sock_connect(client, (address.host, address.port))
        finally:
            stack["gateway"].send_all(signal.SIGCONT)
        await answers(f"http://{address}/readyz", 200)


async def test_clients_are_closed_with_1012_when_the_arbiter_is_killed() -> None:
    """A worker whose gunicorn is gone drains and ends: nobody could tell it to stop later."""
    async with running(run_plan()) as stack:
        port = free_port()
        # Not as part of the stack, which would end the worker together with its arbiter.
        arbiter = await asyncio.create_subprocess_exec(
            *GUNICORN,
            cwd=ROOT,
            env={**stack["gateway"].env, "GATEWAY_PORT": str(port)},
            start_new_session=True,
        )
        try:
            await answers(f"http://127.0.0.1:{port}/readyz", 200)
            async with connected(f"ws://127.0.0.1:{port}/ws") as client:
                await client.subscribe("BTC")
                arbiter.kill()
                assert 1012 == await client.until_closed()

            async def worker_is_gone() -> bool:
                return not members_of({arbiter.pid})

            await eventually(worker_is_gone, within_s=30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(arbiter.pid, signal.SIGKILL)
            await arbiter.wait()
