"""One address throws at a gateway all it has; a client elsewhere does not notice.

The attack is 2,000 slow handshakes and 10,000 fast ones from 127.0.0.2, the client is at 127.0.0.3, and every limit is
at its default: of loopback's addresses only 127.0.0.1 is spared.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

from deploy.launcher.programs import plan_cluster
from deploy.launcher.stack import Stack
from deploy.ports import free_port
from deploy.process.processes import ROOT
from tests.integration.stacks import (
    GATEWAY_COUNT,
    cluster_environment,
    environment,
    eventually,
    run_plan,
    running,
    ws_url,
)

# Alone: gaps and times to connect are measured, and the attack fills the machine.
pytestmark = [pytest.mark.integration, pytest.mark.alone]

ATTACKER, CLIENT = "127.0.0.2", "127.0.0.3"
SLOTHS, CONNECTS = 2_000, 10_000

MAX_GAP_S = MAX_CONNECT_S = 1.0
"""What the client is promised: a gap in its prices, and the time until it is welcomed."""

FEW_BYTES = 32 * 1024 * 1024
"""What an allocator may keep for the next time."""


class Watch:
    """A client's stream, and the longest time that it was without a price."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.prices = 0
        self.longest_gap_s = 0.0

    async def __aenter__(self) -> None:
        self._watching = asyncio.create_task(self._run())

    async def __aexit__(self, *_: object) -> None:
        self._watching.cancel()
        await asyncio.wait((self._watching,))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        async for message in self._socket:
            self.prices += '"type":"tick"' in str(message)
            now = loop.time()
            self.longest_gap_s, last = max(self.longest_gap_s, now - last), now


@asynccontextmanager
async def attack(what: str, port: int, count: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A attacker's process, which is gone at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.attackers", what, str(port), str(count), ATTACKER),
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ends(process: asyncio.subprocess.Process) -> dict[str, int]:
    """What the attacker says when it is done, or told to be."""
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    counted: dict[str, int] = json.loads(output)
    return counted


async def new_client(url: str) -> ClientConnection:
    """One that comes from elsewhere and has been welcomed."""
    client = await connect(url, local_addr=(CLIENT, 0), ping_interval=None, open_timeout=30)
    assert '"type":"welcome"' in await client.recv()
    return client


async def time_to_connect(url: str) -> float:
    """Seconds until a new client is welcomed."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    client = await new_client(url)
    took_s = loop.time() - begin
    await client.close()
    return took_s


def open_fds(pid: int) -> int:
    """Count the open files of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has, in bytes."""
    # proc(5): the second number is the resident set, in pages.
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@asynccontextmanager
async def gateway_alone() -> AsyncIterator[Stack]:
    """Run a stack without HAProxy."""
    async with running(run_plan()) as stack:
        yield stack


@asynccontextmanager
async def gateway_behind_haproxy() -> AsyncIterator[Stack]:
    """Run a stack with one gateway behind HAProxy."""
    # All of its servers are the one: what is measured is not spread, and none is found dead at first.
    address = f"127.0.0.1:{free_port()}"
    variables = {f"TICKGATE_GATEWAY_{number}": address for number in range(1, GATEWAY_COUNT + 1)}
    plan = plan_cluster(cluster_environment() | variables)
    one = replace(plan.gateways[0], command=(sys.executable, "-m", "gateway"))
    async with running(replace(plan, gateways=(one,))) as stack:
        yield stack


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(gateway_alone, marks=pytest.mark.long("gateway", "market", "poller", "deploy")),
        pytest.param(gateway_behind_haproxy, marks=pytest.mark.haproxy),
    ],
    ids=["alone", "behind-haproxy"],
)
async def test_who_attacks_a_gateway_disturbs_nobody_else(
    start: Callable[[], AbstractAsyncContextManager[Stack]],
) -> None:
    """A client elsewhere keeps its stream and others join it in time; afterwards all that it cost is given back."""
    async with start() as stack:
        url, port = ws_url(stack), stack.plan.front.port
        pid = stack[stack.plan.gateways[0].name].pid
        await time_to_connect(url)
        client = await new_client(url)
        await client.send('{"type":"subscribe","symbols":["BTC"]}')
        fds, memory = open_fds(pid), resident_bytes(pid)
        watch = Watch(client)
        times_s: list[float] = []
        async with watch, attack("sloths", port, SLOTHS) as slow, attack("flood", port, CONNECTS) as fast:
            flooding = asyncio.create_task(ends(fast))
            most_fds = 0
            while not flooding.done() or len(times_s) < 20:
                times_s.append(await time_to_connect(url))
                most_fds = max(most_fds, open_fds(pid))
                await asyncio.sleep(0.2)
            at_the_top = resident_bytes(pid)
            flooded, slowed = await flooding, await ends(slow)

        async def all_are_gone() -> bool:
            return open_fds(pid) <= fds

        await eventually(all_are_gone, within_s=30)
        await client.close()
        left = resident_bytes(pid) - memory
        print(  # noqa: T201 # the figures
            f"\nflood of {CONNECTS}: {flooded}; {SLOTHS} sloths: {slowed}"
            f"\nlongest gap {watch.longest_gap_s * 1000:.0f} ms in {watch.prices} prices;"
            f" {len(times_s)} connects took at most {max(times_s) * 1000:.0f} ms"
            f"\nfds {fds} -> {most_fds} -> {open_fds(pid)};"
            f" memory {memory / 1e6:.0f} -> {at_the_top / 1e6:.0f} -> {(memory + left) / 1e6:.0f} MB"
        )
        assert CONNECTS == sum(flooded.values())
        assert watch.prices > 0
        assert watch.longest_gap_s < MAX_GAP_S
        assert max(times_s) < MAX_CONNECT_S
        assert left < FEW_BYTES
