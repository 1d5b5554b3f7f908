"""Clients that read nothing, or finish nothing that they say, cost a gateway little, and not for long.

A hundred of each kind, with a gateway of their own and behind HAProxy, whose own buffers keep some of it.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect

from deploy.launcher.programs import plan_cluster
from deploy.launcher.stack import Stack
from deploy.ports import free_port
from tests.integration import hoarders
from tests.integration.hoarders import Words, hoard
from tests.integration.stacks import GATEWAY_COUNT, cluster_environment, eventually, run_plan, running

pytestmark = pytest.mark.integration

COUNT = 100
LAG_S = MESSAGE_S = 1.0
MIB = 1024 * 1024

TIMES = {"LAG_TIMEOUT_S": f"{LAG_S:g}", "MESSAGE_TIMEOUT_S": f"{MESSAGE_S:g}", "MAX_ERRORS_PER_CONNECTION": "0"}
UNLIMITED = {"MAX_MESSAGES_PER_SECOND": "0"}
WITHOUT_TOKEN = {"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 32, "AUTH_TIMEOUT_S": "60"}

UNREAD = (hoarders.asks, hoarders.pings)
UNFINISHED = (hoarders.fragments, hoarders.half_frame, hoarders.header, hoarders.compressed)

SLACK = 24 * MIB
"""What sockets, sessions and the allocator take."""


class Gateway:
    """The one gateway of a stack, and what it says of itself."""

    def __init__(self, stack: Stack) -> None:
        self.port = stack.plan.front.port
        self._own = stack.plan.gateways[0]
        self._pid = stack[self._own.name].pid
        self._before = self.resident_bytes()
        self.most = 0

    def resident_bytes(self) -> int:
        # proc(5): the second number is the resident set, in pages.
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * 4096

    def look(self) -> None:
        """Remember what it has grown by at most."""
        self.most = max(self.most, self.resident_bytes() - self._before)

    async def metrics(self) -> dict[str, float]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self._own.listens[0]}/metrics") as response,
        ):
            found = re.findall(r"^(tickgate_\S+) (\S+)$", await response.text(), re.MULTILINE)
        return {name: float(value) for name, value in found}

    async def hoard(self, count: int, kinds: tuple[Words, ...], seconds: float) -> int:
        """See `hoarders.hoard`."""
        return await asyncio.to_thread(hoard, self.port, count, kinds, seconds, self.look)

    async def left_alone(self) -> dict[str, float]:
        """Its metrics, when it holds no client any more."""

        async def it_is() -> bool:
            return (await self.metrics())["tickgate_connections"] == 0

        await eventually(it_is, within_s=30)
        return await self.metrics()

    def show(self, metrics: dict[str, float]) -> None:
        """The figures."""
        print(f"\n{self.most / MIB:.1f} MiB more at most; cut off: {cut_off(metrics)}")  # noqa: T201


@asynccontextmanager
async def gateway(front: str, **settings: str) -> AsyncIterator[Gateway]:
    """Run a gateway, alone or behind HAProxy."""
    if front == "alone":
        plan = run_plan(**settings)
    else:
        address = f"127.0.0.1:{free_port()}"
        variables = {f"TICKGATE_GATEWAY_{number}": address for number in range(1, GATEWAY_COUNT + 1)}
        # HAProxy keeps a client that does not read for as long as a tunnel may be silent, though its gateway has gone.
        variables["TICKGATE_HARD_STOP_AFTER"] = "1s"
        plan = plan_cluster(cluster_environment(**settings) | variables)
        plan = replace(plan, gateways=(replace(plan.gateways[0], command=(sys.executable, "-m", "gateway")),))
    async with running(plan) as stack:
        yield Gateway(stack)


FRONTS = pytest.mark.parametrize(
    "front",
    [
        pytest.param("alone", marks=pytest.mark.long("gateway", "market", "poller")),
        pytest.param("haproxy", marks=pytest.mark.haproxy),
    ],
)


@pytest.mark.parametrize(
    ("front", "count", "kinds", "settings"),
    [
        ("alone", COUNT, UNREAD, {}),
        ("alone", 20, (hoarders.pings,), WITHOUT_TOKEN),
        ("alone", 4, (hoarders.floods,), UNLIMITED),
        # Few, for HAProxy's buffers, too, have to be filled first.
        pytest.param("haproxy", 4, (hoarders.floods,), UNLIMITED, marks=pytest.mark.haproxy),
    ],
    ids=["alone", "before-a-token", "flood", "haproxy"],
)
async def test_who_reads_nothing_is_thrown_out(
    front: str, count: int, kinds: tuple[Words, ...], settings: dict[str, str]
) -> None:
    """Without a single symbol, and however much it says: after LAG_TIMEOUT_S, or with too many answers before that."""
    async with gateway(front, **TIMES, **settings) as target:
        everybody = len(kinds) * count
        # HAProxy keeps its side open, so there only the gateway can tell.
        ended = await target.hoard(count, kinds, seconds=20 if front == "alone" else 5)
        assert ended == everybody or front != "alone"
        metrics = await target.left_alone()
        target.show(metrics)
        # Who pings too often is sent a close frame. Mostly there is no room for it; where there is, it is the wait for
        # the answer that ends.
        too_often = metrics.get('tickgate_closed_total{reason="too_many_messages",code="4429"}', 0)
        assert everybody - too_often <= sum(cut_off(metrics).values()) <= everybody
        assert set(cut_off(metrics)) <= {"answers", "unread"}
        assert target.most < count * len(kinds) * MIB / 4 + SLACK


@FRONTS
async def test_who_finishes_nothing_is_thrown_out(front: str) -> None:
    """After MESSAGE_TIMEOUT_S, however much of a message has come, and whatever comes between its frames."""
    async with gateway(front, **TIMES) as target:
        await target.hoard(COUNT, UNFINISHED, seconds=5)
        metrics = await target.left_alone()
        target.show(metrics)
        assert {"unfinished": len(UNFINISHED) * COUNT} == cut_off(metrics)
        assert metrics["tickgate_buffered_bytes"] == 0


@FRONTS
async def test_all_together_keep_no_more_than_their_budget(front: str) -> None:
    """Those who keep most go at once, and one line says so; who reads its prices notices nothing."""
    budget = 8 * MIB
    async with gateway(front, MAX_BUFFERED_BYTES=str(budget)) as target:
        async with connect(f"ws://127.0.0.1:{target.port}/ws") as client:
            await client.send('{"type":"subscribe","symbols":["BTC"]}')
            await target.hoard(COUNT, (hoarders.half_frame, hoarders.fragments), seconds=3)
            metrics = await target.metrics()
            async with asyncio.timeout(30):
                await client.send('{"type":"list","id":"still here"}')
                while "still here" not in str(await client.recv()):
                    pass
        target.show(metrics)
        assert {"budget"} == set(cut_off(metrics))
        assert 2 * COUNT - budget // 240_000 <= cut_off(metrics)["budget"] < 2 * COUNT
        assert target.most < budget + SLACK


def cut_off(metrics: dict[str, float]) -> dict[str, float]:
    """How many were thrown out for what."""
    named = {re.search(r'buffers_cut_off_total{reason="(.*)"}', name): value for name, value in metrics.items()}
    return {match[1]: value for match, value in named.items() if match}
