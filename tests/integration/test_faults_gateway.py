"""A gateway runs out of descriptors, cannot write its log, or has its clock set under it."""

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidHandshake

from deploy.launcher.programs import GUNICORN
from deploy.launcher.stack import Stack
from tests.client import Client, connected, open_client
from tests.integration.faults import (
    BESIDE,
    NO_BUS_LINK,
    SILENT_POLLER,
    SYMBOLS,
    assert_stayed,
    assert_unaware,
    bus_port,
    cpu_s,
    launched,
    now,
    open_files,
    subscribers,
    tell,
    together,
    until_current,
    until_more,
    until_stale,
    url_of,
    with_gateways,
)
from tests.integration.stacks import eventually, run_plan, running, ws_url
from tests.proxy import Proxy
from tests.wall_clock import WallClock

pytestmark = pytest.mark.integration

DESCRIPTORS = 160
"""What the gateway may open: enough for the bus, its clients of the test and some that want in."""
PRESSURE_S = 3
LOG_LINES = 20
WELCOME_WITHIN_S = 5
HOUR_S = 3600
RECOVERY_S = 3.5
"""More than a gateway's patience with its bus and its poller, and with its clients at this test's heartbeat."""

# What a process of its own makes of its output before it becomes the gateway. The pipe that is not read
# holds one page, so that it is full soon; its reading end is the gateway's own, and nobody's business.
OUTPUTS = {
    "full disk": "out = os.open('/dev/full', os.O_WRONLY)",
    "closed pipe": "end, out = os.pipe(); os.close(end)",
    "unread pipe": "end, out = os.pipe(); os.set_inheritable(end, True); fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, 4096)",
}
SERVERS = {"python": (sys.executable, "-m", "gateway"), "gunicorn": GUNICORN}


async def test_a_gateway_out_of_descriptors_keeps_whom_it_has_and_takes_others_when_it_can() -> None:
    """Newcomers are turned away at once, without a storm; a lost bus link comes back; when some leave, others come."""
    plan = run_plan()
    async with Proxy(bus_port(plan)) as proxy:
        plan = with_gateways(plan, gateway={"BUS_URL": f"redis://{proxy.address}/0"})
        (gateway,) = plan.gateways
        limited = ("sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", *gateway.command)
        plan = replace(plan, gateways=(replace(gateway, command=limited),))
        async with launched(plan) as (stack, lines), subscribers(ws_url(stack), conflate=False) as clients:
            url, pid = ws_url(stack), stack["gateway"].pid
            files = open_files(pid)
            async with _crowd(url) as crowd, _throng(url) as refused:
                said, used_s, began = len(lines["gateway"]), cpu_s(pid), now()
                await asyncio.sleep(PRESSURE_S)
                await until_more(clients)
                busy = (cpu_s(pid) - used_s) / (now() - began)
                assert_unaware(clients)
                assert len(lines["gateway"]) < said + LOG_LINES
                assert busy < 0.5
                assert refused.total() > 0

                # Its descriptor becomes free, everybody wants it, and the new link needs it.
                await proxy.drop()
                stale_after = await until_stale(clients, NO_BUS_LINK)
                back_after = await until_current(clients)
            async with asyncio.timeout(WELCOME_WITHIN_S), connected(url):
                pass
            assert_stayed(clients)

            async def as_before() -> bool:
                return open_files(pid) <= files + BESIDE

            await eventually(as_before, within_s=30)
            tell(
                f"out of descriptors with {len(crowd)} more clients",
                newcomers_refused=refused.total(),
                processor=f"{busy:.0%}",
                stale_after_link_lost=stale_after,
                back_after=back_after,
            )


@asynccontextmanager
async def _crowd(url: str) -> AsyncIterator[list[Client]]:
    """As many clients as are let in."""
    crowd: list[Client] = []
    try:
        while client := await _let_in(url):
            crowd.append(client)
            assert len(crowd) < DESCRIPTORS
        yield crowd
    finally:
        await asyncio.gather(*(client.close() for client in crowd))


@asynccontextmanager
async def _throng(url: str) -> AsyncIterator[Counter[str]]:
    """Ten who try again and again to be let in, and then stay; how often each was refused."""
    refused: Counter[str] = Counter()
    admitted = []

    async def want_in(name: str) -> None:
        while True:
            if client := await _let_in(url):
                admitted.append(client)
            else:
                refused[name] += 1
                await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(want_in(f"client {number}")) for number in range(10)]
    try:
        yield refused
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in admitted))
    # None of them waited in vain.
    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []


async def _let_in(url: str) -> Client | None:
    """A client; None where it is turned away, in whatever way.

    Raises:
        TimeoutError: nothing was said to it in time.
    """
    try:
        return await open_client(url, within_s=WELCOME_WITHIN_S)
    except TimeoutError:
        raise
    except (InvalidHandshake, OSError):
        return None


async def test_a_gateway_that_cannot_write_its_log_serves_on() -> None:
    """With a full disk, a closed pipe or one that nobody reads: no client notices, and a stop is graceful as ever."""
    kinds = {f"{output}, {server}": (output, server) for output in OUTPUTS for server in SERVERS}
    plan = with_gateways(run_plan(LOG_LEVEL="DEBUG"), **{name: {} for name in kinds})
    gateways = tuple(replace(gateway, command=_redirected(*kinds[gateway.name])) for gateway in plan.gateways)
    async with running(replace(plan, gateways=gateways)) as stack:
        await together(*(_unwritten_log(stack, name) for name in kinds))


def _redirected(output: str, server: str) -> tuple[str, ...]:
    code = (
        f"import fcntl, os, sys; {OUTPUTS[output]}; os.dup2(out, 1); os.dup2(out, 2);"
        " os.execv(sys.argv[1], sys.argv[1:])"
    )
    return sys.executable, "-c", code, *SERVERS[server]


async def _unwritten_log(stack: Stack, name: str) -> None:
    url = url_of(stack, name)
    async with subscribers(url, 1, conflate=False) as clients:
        # Each is good for two lines; a page is full long before the last of them.
        for _ in range(50):
            async with connected(url):
                pass
        await until_more(clients)
        assert_unaware(clients)
        process = stack[name]
        ended = asyncio.create_task(process.ended())
        process.send(signal.SIGTERM)
        assert [await client.until_closed() for client in clients] == [1012] * len(clients)
        async with asyncio.timeout(30):
            assert await ended == 0
        tell(f"log to {name}", ticks_lost="none", exit_code="0")


async def test_nobody_notices_that_the_clocks_are_set(tmp_path: Path) -> None:
    """An hour ahead, then an hour behind: no gap, no `stale`, nobody cut off, and no seq back after a restart."""
    clock = WallClock(tmp_path / "clock")
    run_by_it = (sys.executable, "-m", "tests.wall_clock", str(tmp_path / "clock"))
    plan = with_gateways(run_plan(HEARTBEAT_S="1"), **{name: {} for name in SERVERS})
    gateways = tuple(
        replace(gateway, command=(*run_by_it, *_module_of(SERVERS[gateway.name]))) for gateway in plan.gateways
    )
    poller = replace(plan.poller, command=(*run_by_it, *_module_of(plan.poller.command)))
    async with (
        running(replace(plan, gateways=gateways, poller=poller)) as stack,
        subscribers(url_of(stack, "python"), 2, conflate=False) as of_python,
        subscribers(url_of(stack, "gunicorn"), 2, conflate=False) as of_gunicorn,
    ):
        clients = [*of_python, *of_gunicorn]
        for hours in (1, -1):
            clock.wrong_by_s = hours * HOUR_S
            await asyncio.sleep(RECOVERY_S)
            await until_more(clients)
            assert_unaware(clients)
            ahead_s = clients[0].prices[SYMBOLS[0]][-1]["recv_us"] / 1e6 - time.time()
            assert hours * HOUR_S - 60 < ahead_s < hours * HOUR_S + 60

        # An hour behind the clock that its predecessor began to count by.
        stack["poller"].send(signal.SIGKILL)
        stale_after = await until_stale(clients, SILENT_POLLER)
        behind_s = [time.time() - client.status["since_us"] / 1e6 for client in clients]
        assert all(HOUR_S - 60 < seconds < HOUR_S + 60 for seconds in behind_s)
        await stack.start_one("poller")
        await until_more(clients)
        assert_stayed(clients)
        tell("clocks set by an hour", ticks_lost="none", disconnected=0, stale_after_poller_killed=stale_after)


def _module_of(command: tuple[str, ...]) -> tuple[str, ...]:
    """What follows ``-m``."""
    return command[command.index("-m") + 1 :]
