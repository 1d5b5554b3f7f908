"""Which processes may be meddled with."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from deploy.chaos.fleet import Target, require, targets
from deploy.errors import DeployError
from tests.market.samples import gateway_present, poller_present

HOST = socket.gethostname()
TOKEN = "of-the-operators"  # noqa: S105 - opens nothing
SLEEPING = (sys.executable, "-c", "import time; time.sleep(60)")


@asynccontextmanager
async def operators(*processes: Any, token: str = "") -> AsyncIterator[str]:
    """A gateway that knows these processes; its base URL."""

    async def answer(request: web.Request) -> web.Response:
        if token and request.headers.get("Authorization") != f"Bearer {token}":
            raise web.HTTPUnauthorized
        return web.Response(body=msgspec.json.encode({"asked": "x", "processes": processes}))

    app = web.Application()
    app.add_routes([web.get("/ops/processes", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_gateways_and_pollers_of_this_machine_are_found() -> None:
    """By what they are; with the token of operators."""
    process = await asyncio.create_subprocess_exec(*SLEEPING, "poller gateway")
    try:
        ours = {"host": HOST, "pid": process.pid}
        known = gateway_present(**ours), poller_present(**ours, venue="kraken", state="leading")
        async with operators(*known, token=TOKEN) as url:
            found = await targets(url + "/", TOKEN)
            with pytest.raises(DeployError, match="answers 401; give METRICS_TOKEN"):
                await targets(url, None)
    finally:
        process.kill()
        await process.wait()
    gateway = Target("gateway", "gateway h:1", process.pid, clients=3)
    assert [gateway, Target("poller", "poller of kraken", process.pid, leads=True)] == found
    # It has ended, and what it said has not run out yet.
    async with operators(*known) as url:
        assert [] == await targets(url, None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"host": "elsewhere"}, "runs on elsewhere: faults are made on this machine only"),
        ({"pid": 1}, "is another program"),
    ],
)
async def test_processes_of_others_are_refused(changes: dict[str, Any], problem: str) -> None:
    """Whoever can write to the bus can invent them. Nothing is done to any then."""
    async with operators(gateway_present(**({"host": HOST, "pid": os.getpid()} | changes))) as url:
        with pytest.raises(DeployError, match=problem):
            await targets(url, None)


async def test_nobody_there_and_somebody_else() -> None:
    """Both say what to do."""
    with pytest.raises(DeployError, match="name one with --gateway"):
        await targets("http://127.0.0.1:1", None)
    async with operators({"role": "stranger"}) as url:
        with pytest.raises(DeployError, match="is no gateway"):
            await targets(url, None)


def test_a_process_must_be_what_it_is_said_to_be() -> None:
    """By its command."""
    require(os.getpid(), ("pytest", "python"), "this test")
    with pytest.raises(DeployError, match="the bus is another program"):
        require(os.getpid(), ("no-such-word-in-it",), "the bus")
