"""A hundred clients of a hundred symbols behind each front, while it is reloaded, and gateways leave and die."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.exceptions import InvalidHandshake

from bench.clients.readers import Reader, ReadRate
from bench.feed.ticks import SYMBOLS as BENCH_SYMBOLS
from deploy.launcher.programs import CLUSTER_SYMBOLS
from deploy.launcher.stack import Stack
from tests.client import Client, connected
from tests.integration.faults import now, tell
from tests.integration.front_kinds import FRONTS, OTHERS, beside, children_of, front_plan, is_here, reloaded, require
from tests.integration.hundreds import BACK_WITHIN_S, CLIENTS, SYMBOLS, come_back, hundred_subscribers, is_past
from tests.integration.stacks import eventually, running, ws_url
from tests.waiting import until

pytestmark = pytest.mark.integration

DRAIN_S = 3
IDLE_S = 70
"""More than three of the gateway's heartbeats, and than each front lets a silent WebSocket live."""

_COVERS = ("gateway", "deploy", "haproxy.cfg")
# HAProxy has tests of its own for all of this.
_EACH = [
    pytest.param(name, marks=pytest.mark.long(*_COVERS) if name in ("haproxy", "envoy") else ()) for name in FRONTS
]


@pytest.mark.parametrize("front", _EACH)
async def test_reload_drain_and_kill_cost_no_more_than_the_clients_of_the_gateway_that_is_gone(front: str) -> None:
    """A reload costs nobody anything; a drain its own clients a 1012; after `kill -9` its clients are back in 5 s.

    Newcomers come all the time, and are let in, but for those whose gateway is killed at that moment.
    """
    require(front)
    plan = front_plan(front, SYMBOLS=CLUSTER_SYMBOLS, DRAIN_SECONDS=str(DRAIN_S))
    async with running(plan) as stack:
        clients = await hundred_subscribers(ws_url(stack))
        newcomers = Newcomers(ws_url(stack))
        try:
            await newcomers.some()
            async with reloaded(stack, front):
                await newcomers.some()
                await _all_go_on(clients)
                assert not any(client.closed for client in clients)
                tell(f"{front} reloaded", disconnected="0", newcomers_refused=newcomers.told)

                drained = await _drained(stack, clients)
                await newcomers.some()
                tell(f"a gateway behind {front} drained", clients=str(drained), newcomers_refused=newcomers.told)
                # Without a front one is lost whose TCP handshake is half done as the gateway closes its socket.
                assert newcomers.refused.total() <= (front == "direct"), newcomers.refused

                back_s = await _killed(stack, clients)
                tell(f"a gateway behind {front} killed", all_back_after=back_s, newcomers_refused=newcomers.told)
                assert back_s <= BACK_WITHIN_S
                await _all_go_on([client for client in clients if not client.closed])
                await newcomers.end()
        finally:
            await newcomers.end()
            await asyncio.gather(*(client.close() for client in clients))


@pytest.mark.long(*_COVERS)
async def test_a_client_that_neither_asks_nor_hears_prices_stays() -> None:
    """Heartbeats alone keep its connection, longer than any timeout of a front: of all of them side by side."""
    async with AsyncExitStack() as exits:
        behind = await exits.enter_async_context(running(front_plan("haproxy")))
        without = await exits.enter_async_context(running(front_plan("direct")))
        urls = {"haproxy": ws_url(behind), "direct": ws_url(without)}
        for name in filter(is_here, OTHERS):
            urls[name] = f"ws://{await exits.enter_async_context(beside(behind.plan, name))}/ws"
        clients = {name: await exits.enter_async_context(connected(url)) for name, url in urls.items()}
        await asyncio.sleep(IDLE_S)
        assert [name for name, client in clients.items() if client.closed] == []
        for client in clients.values():
            await client.subscribe("BTCUSDT")


@pytest.mark.long(*_COVERS)
@pytest.mark.parametrize("front", OTHERS)
async def test_a_front_keeps_nobody_whom_a_gateway_has_cut_off(front: str) -> None:
    """Who reads nothing is gone from it soon after, with what was kept for it; who reads stays."""
    require(front)
    settings = {"LAG_TIMEOUT_S": "2", "TICKGATE_UNREAD_TIMEOUT": "3s", "SIM_TICKS_PER_S": "1000"}
    async with running(front_plan(front, SYMBOLS=",".join(BENCH_SYMBOLS), **settings)) as stack:
        pid, address = stack[front].pid, (stack.plan.front.host, stack.plan.front.port)
        reads = Reader(ReadRate("slow", bytes_per_s=20_000), address)
        before = _sockets_of(pid)
        stuck = [Reader(ReadRate("stuck", stall_s=1000), address) for _ in range(3)]
        assert _sockets_of(pid) >= before + 2 * len(stuck)
        began = now()

        async def all_gone() -> bool:
            for reader in (reads, *stuck):
                reader.turn(time.monotonic())
            return _sockets_of(pid) <= before

        await eventually(all_gone, within_s=30)
        tell(f"clients that read nothing, behind {front}", gone_after=now() - began)
        assert reads.end == ""
        for reader in (reads, *stuck):
            reader.close()


def _sockets_of(pid: int) -> int:
    """How many sockets a front's processes hold."""
    found = 0
    for process in (pid, *children_of(pid)):
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                found += str(descriptor.readlink()).startswith("socket:")
    return found


class Newcomers:
    """Clients that connect one after the other, hear the welcome, and leave."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._coming = asyncio.create_task(self._come())
        self.arrived = 0
        self.refused: Counter[str] = Counter()

    @property
    def told(self) -> str:
        """How many were refused, of how many."""
        return f"{self.refused.total()} of {self.arrived + self.refused.total()}"

    async def some(self, count: int = 20) -> None:
        """Wait until so many more have come."""
        until = self.arrived + count
        async with asyncio.timeout(30):
            while self.arrived < until:  # noqa: ASYNC110 # counted by a task that sets no event
                await asyncio.sleep(0.02)

    async def end(self) -> None:
        """No more come."""
        self._coming.cancel()
        await asyncio.wait((self._coming,))

    async def _come(self) -> None:
        while True:
            try:
                async with connected(self._url):
                    self.arrived += 1
            except (OSError, InvalidHandshake, TimeoutError) as error:
                self.refused[f"{type(error).__name__}: {error}"] += 1
            await asyncio.sleep(random.uniform(0, 0.02))


async def _all_go_on(clients: list[Client]) -> None:
    """Each has every tick, and more of them."""
    marks = {symbol: max(client.newest_seq(symbol) for client in clients) for symbol in SYMBOLS}
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.until(lambda client: is_past(client, marks), within_s=30))
    assert [client.gaps() for client in clients] == [[]] * len(clients)


async def _drained(stack: Stack, clients: list[Client]) -> int:
    """Let one gateway leave; how many clients it had."""
    process = stack[stack.plan.gateways[1].name]
    process.send(signal.SIGTERM)
    async with asyncio.timeout(DRAIN_S + 20):
        assert await process.ended() == 0
    left = [client for client in clients if client.closed or client.count("shutdown")]
    assert {await client.until_closed() for client in left} == {1012}
    assert {client.count("shutdown") for client in left} == {1}
    assert 0 < len(left) < CLIENTS
    stayed = [client for client in clients if not client.closed]
    assert not any(client.count("shutdown") for client in stayed)
    await _all_go_on(stayed)
    return len(left)


async def _killed(stack: Stack, clients: list[Client]) -> float:
    """Kill one gateway; the seconds until its clients are back and current."""
    before = [client for client in clients if not client.closed]
    began = now()
    stack[stack.plan.gateways[0].name].send_all(signal.SIGKILL)
    await until(lambda: any(client.closed for client in before), BACK_WITHIN_S)
    gone_us = time.time_ns() // 1000
    newest = {symbol: max(client.newest_seq(symbol) for client in before) for symbol in SYMBOLS}

    async def goes_on(client: Client) -> tuple[Client, float]:
        """The client, or the one that came in its place, and when that was current."""
        # Nobody has a price from the dead gateway that the poller received only now.
        with contextlib.suppress(TimeoutError):
            await client.until(lambda its: any(ticks[-1]["recv_us"] > gone_us for ticks in its.prices.values()))
            return client, began
        assert client.closed
        return await _come_back(ws_url(stack), newest), now()

    after = await asyncio.gather(*(goes_on(client) for client in before))
    hit = [client for client in before if client.closed]
    spared = [client for client in before if not client.closed]
    again = [client for client, _ in after if client not in before]
    clients += again
    assert len(hit) == len(again)
    assert {client.close_code for client in hit} == {1006}
    await _all_go_on(spared)
    return max(at for _, at in after) - began


async def _come_back(url: str, newest: dict[str, int]) -> Client:
    """A client that tries again if its first try was at the gateway that is gone."""
    while True:
        try:
            return await come_back(url, newest)
        except (OSError, InvalidHandshake):
            continue
