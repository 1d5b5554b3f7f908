"""The primary fails over under Sentinels: a poller, two gateways and their clients follow it.

Real Sentinels, a primary and two replicas. *Decided* is when the first Sentinel names another primary.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.launcher.stack import Stack
from market.wire.codec import decode_tick
from tests.client import Client, open_client
from tests.integration.faults import (
    SYMBOLS,
    assert_stayed,
    assert_told_once,
    assert_unaware,
    feeds,
    now,
    subscribers,
    tell,
    together,
    until_current,
    until_more,
    url_of,
    with_gateways,
)
from tests.integration.stacks import eventually, run_plan, running
from tests.sentinel import DOWN_AFTER_MS, USER, Sentinels, Server
from tests.sentinel import running as sentinels_running

pytestmark = pytest.mark.integration

GATEWAYS = ("first", "second")
FOLLOWED_WITHIN_S = 5
"""The promise: from a Sentinel's decision until every client is live and current on the new primary."""
DECIDED_WITHIN_S = 20
"""That is the Sentinels' own business."""


@dataclass
class Scene:
    """The servers, who uses them, and two clients of each gateway, of every tick."""

    sentinels: Sentinels
    stack: Stack
    clients: list[Client]
    old: Server
    """The first primary."""

    async def until_decided(self) -> Server:
        """Wait until a Sentinel names another primary than the old one; return that."""
        named: set[int] = set()

        async def it_is() -> bool:
            named.update(await asyncio.to_thread(self.sentinels.named) - {self.old.port})
            return bool(named)

        await eventually(it_is, DECIDED_WITHIN_S)
        return next(server for server in self.sentinels.servers if server.port in named)

    async def until_followed(self, new: Server) -> float:
        """Wait until both gateways listen there, and every client is live and current again; return the seconds.

        Before they listen there, they may have been live on the old one.
        """
        began = now()

        async def both_listen() -> bool:
            return sum(" sub=0 " not in line for line in await self.uses_of(new)) == len(GATEWAYS)

        await eventually(both_listen, FOLLOWED_WITHIN_S)
        await until_current(self.clients, within_s=FOLLOWED_WITHIN_S)
        took = now() - began
        assert took <= FOLLOWED_WITHIN_S
        return took

    async def uses_of(self, server: Server) -> list[str]:
        """Our programs' connections to a server."""
        listed = (await asyncio.to_thread(server.command, "CLIENT", "LIST")).decode().splitlines()
        return [line for line in listed if f"user={USER[0]} " in line and "cmd=client|list" not in line]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """Everything runs, and every client is live."""
    async with AsyncExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="tickgate-test-"))
        sentinels = exits.enter_context(sentinels_running(Sentinels(Path(folder))))
        url = sentinels.url.replace("://", f"://{USER[0]}:{USER[1]}@")
        plan = with_gateways(run_plan(BUS_URL=url), **{name: {} for name in GATEWAYS})
        stack = await exits.enter_async_context(running(plan))
        clients = []
        for gateway in GATEWAYS:
            clients += await exits.enter_async_context(subscribers(url_of(stack, gateway), 2))
        yield Scene(sentinels, stack, clients, sentinels.primary())


def _force(there: Scene) -> None:
    """An operator orders it."""
    there.sentinels.fail_over()


def _kill(there: Scene) -> None:
    """``kill -9`` of the primary."""
    there.old.kill()


def _freeze(there: Scene) -> None:
    """The primary stops where it stands (SIGSTOP); nobody is told."""
    there.old.freeze()


def _cut_off(there: Scene) -> None:
    """Sentinels and replicas cannot reach the primary any more; poller and gateways can, and it serves on."""
    there.old.cut_off()


async def _followed(name: str, fail: Callable[[Scene], None], then: Callable[[Scene], Awaitable[None]]) -> None:
    async with scene() as there:
        began = now()
        fail(there)
        new = await there.until_decided()
        decided = now() - began
        back = await there.until_followed(new)
        assert_told_once(there.clients)
        await then(there)
        stored = {symbol: decode_tick(payload).seq for symbol, payload in new.last_values().items()}
        assert {symbol.encode() for symbol in SYMBOLS} == stored.keys()
        reasons = {
            told["reason"] for client in there.clients for told in client.messages if told.get("feed") == "stale"
        }
        tell(
            f"sentinel: {name} (down-after {DOWN_AFTER_MS} ms)",
            stale=", ".join(sorted(reasons)) or "never",
            decided_after=decided,
            back_after_decision=back,
        )


async def _nobody_is_left_on_the_old_one(there: Scene) -> None:
    async def it_is_so() -> bool:
        return not await there.uses_of(there.old)

    await eventually(it_is_so, within_s=20)


async def _nothing(there: Scene) -> None:
    """It is dead."""


async def _thawed_it_is_left_alone(there: Scene) -> None:
    """It still takes itself for the primary, and answers; until the Sentinels make it a replica nobody uses it."""
    there.old.thaw()
    await _nobody_is_left_on_the_old_one(there)

    async def is_replica() -> bool:
        assert await there.uses_of(there.old) == []
        return bool((await asyncio.to_thread(there.old.command, "ROLE"))[0] == b"slave")

    told = [len(feeds(client)) for client in there.clients]
    await eventually(is_replica, within_s=60)
    assert told == [len(feeds(client)) for client in there.clients]


async def _served_on_alone_it_is_left(there: Scene) -> None:
    """It never refused anything, and lost its users to the new one."""
    await _nobody_is_left_on_the_old_one(there)
    assert (await asyncio.to_thread(there.old.command, "ROLE"))[0] == b"master"
    there.old.let_in()


async def test_clients_are_live_again_within_seconds_of_sentinels_decision() -> None:
    """Forced or by ``kill -9``: nobody is disconnected, and whoever is told `stale` is told once, and then `live`."""
    await together(
        _followed("primary told to fail over", _force, _nobody_is_left_on_the_old_one),
        _followed("primary killed (kill -9)", _kill, _nothing),
    )


@pytest.mark.long("gateway", "poller", "market")
async def test_an_old_primary_that_still_answers_is_left() -> None:
    """Frozen and back, or cut off from Sentinels and replicas only: nobody stays with it, or returns to it."""
    await together(
        _followed("primary frozen (SIGSTOP), later thawed", _freeze, _thawed_it_is_left_alone),
        _followed("primary partitioned from Sentinels and replicas", _cut_off, _served_on_alone_it_is_left),
    )


def _kill_with_sentinel(there: Scene) -> None:
    """The first Sentinel of the URL dies with the primary, as they may be on one machine."""
    there.sentinels.sentinels[0].kill()
    there.old.kill()


@pytest.mark.long("gateway", "poller", "market")
async def test_a_sentinel_that_dies_with_the_primary_is_not_needed() -> None:
    """The others decide, and are asked."""
    await _followed("primary and one Sentinel killed", _kill_with_sentinel, _nothing)


@pytest.mark.long("gateway", "poller", "market")
async def test_without_any_sentinel_nobody_notices_anything() -> None:
    """The primary serves on; when the Sentinels are back, a failover is followed as ever."""
    async with scene() as there:
        every = await _of_every_tick(there)
        for sentinel in there.sentinels.sentinels:
            sentinel.kill()
        # Long enough for every process to have found out, and to have tried again.
        await until_more(every, prices=200)
        assert_unaware(every)
        for sentinel in there.sentinels.sentinels:
            sentinel.start()
        tell("sentinel: all Sentinels killed", stale="never")
        await asyncio.to_thread(there.sentinels.until_whole)
        there.old.kill()
        back = await there.until_followed(await there.until_decided())
        assert_stayed(there.clients)
        tell("sentinel: primary killed after all Sentinels were", back_after_decision=back)
        await asyncio.gather(*(client.close() for client in every))


async def _of_every_tick(there: Scene) -> list[Client]:
    every = []
    for gateway in GATEWAYS:
        client = await open_client(url_of(there.stack, gateway))
        await client.subscribe(*SYMBOLS, conflate=False)
        every.append(client)
    await until_more(every)
    return every
