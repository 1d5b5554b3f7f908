"""The bus goes away and comes back."""

import asyncio
import itertools
import signal
import time
from collections.abc import Awaitable, Callable

import pytest

from deploy.launcher.stack import Stack
from tests.client import Client, open_client
from tests.integration.fronts import both_ways
from tests.integration.stacks import running, ws_url

pytestmark = pytest.mark.integration

OUTAGE_S = 10
STALE_WITHIN_S = 4
LIVE_WITHIN_S = 5
CLIENTS = 20
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")

Step = Callable[[Stack], Awaitable[object]]


async def test_nobody_is_disconnected_and_everybody_is_told_when_the_bus_goes_and_returns() -> None:
    """With Valkey stopped or frozen for ten seconds, clients stay, hear `stale`, then `live` with current prices."""

    async def start(stack: Stack) -> None:
        await stack.start_one("valkey")
        await stack.until_ready("valkey")

    async def freeze(stack: Stack) -> None:
        stack["valkey"].send(signal.SIGSTOP)

    async def thaw(stack: Stack) -> None:
        stack["valkey"].send(signal.SIGCONT)

    # Each on a stack of its own, at once: most of it is waiting.
    async with asyncio.TaskGroup() as group:
        group.create_task(_outage("stopped", lambda stack: stack.stop_one("valkey"), start))
        group.create_task(_outage("frozen", freeze, thaw))


async def _outage(name: str, begin: Step, end: Step) -> None:
    clock = asyncio.get_running_loop().time
    async with running(both_ways()) as stack:
        clients = [await open_client(ws_url(stack)) for _ in range(CLIENTS)]
        try:
            for client in clients:
                await client.subscribe(*SYMBOLS)
                await client.until(_is_live)

            began = clock()
            await begin(stack)
            await asyncio.gather(
                *(client.until(lambda client: not _is_live(client), STALE_WITHIN_S) for client in clients)
            )
            stale_after_s = clock() - began
            assert {client.status["feed"] for client in clients} == {"stale"}
            assert all(client.status["reason"] for client in clients)

            await asyncio.sleep(OUTAGE_S - (clock() - began))
            assert not any(map(_is_live, clients))
            await end(stack)
            # How long a server takes to start is not ours.
            returned, returned_us = clock(), time.time_ns() // 1000
            await asyncio.gather(
                *(
                    client.until(
                        lambda client: _is_live(client) and _has_prices_since(client, returned_us), LIVE_WITHIN_S
                    )
                    for client in clients
                )
            )
            live_after_s = clock() - returned
            print(f"{name}: stale after {stale_after_s:.1f} s, live and current after {live_after_s:.1f} s")  # noqa: T201

            assert not any(client.closed for client in clients)
            assert stale_after_s <= STALE_WITHIN_S
            assert live_after_s <= LIVE_WITHIN_S
            assert all(_only_grows(client.seqs(symbol)) for client in clients for symbol in SYMBOLS)
        finally:
            stack["valkey"].send(signal.SIGCONT)
            await asyncio.gather(*(client.close() for client in clients))


def _is_live(client: Client) -> bool:
    return client.status.get("feed") == "live"


def _has_prices_since(client: Client, since_us: int) -> bool:
    return all(client.prices[symbol][-1]["recv_us"] >= since_us for symbol in SYMBOLS)


def _only_grows(seqs: list[int]) -> bool:
    return all(before < after for before, after in itertools.pairwise(seqs))
