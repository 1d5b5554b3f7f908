"""Two pollers on one bus: one leads, and the other takes over, whatever happens to the first."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NoBus

from deploy.launcher.stack import Stack
from market.wire.codec import decode_tick
from tests.client import Client, connected
from tests.integration.fronts import both_ways
from tests.integration.stacks import eventually, running, ws_url

pytestmark = pytest.mark.integration

TAKEOVER_WITHIN_S = 5
FROZEN_S = 6
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
POLLERS = ("poller", "second")

Step = Callable[[], Awaitable[object]]


class Scene:
    """The stack, its bus and a client, and what can be asked of them."""

    def __init__(self, stack: Stack, bus: Redis, client: Client) -> None:
        self.stack = stack
        self.bus = bus
        self.client = client

    async def named_by(self, key: str) -> str | None:
        """The poller whose name the store has under ``key``."""
        try:
            owner = await self.bus.get(key)
        except NoBus:
            return None
        assert owner is None or isinstance(owner, bytes)
        pid = int(owner.split(b":")[-2]) if owner else None
        return next((name for name in POLLERS if self.stack[name].running and self.stack[name].pid == pid), None)

    async def until_named(self, key: str, *names: str) -> str:
        """Wait until ``key`` has one of ``names``, and give it."""
        found: list[str | None] = []

        async def it_is() -> bool:
            found.append(await self.named_by(key))
            return found[-1] in names

        await eventually(it_is, 30)
        return str(found[-1])

    async def until_both_are_there(self) -> tuple[str, str]:
        """Wait until one leads and the other stands by: their names."""
        leader = await self.until_named("lease.poller", *POLLERS)
        (other,) = set(POLLERS) - {leader}
        await self.until_named("standby.poller", other)
        await self.client.until(lambda client: client.status.get("feed") == "live")
        return leader, other

    async def seconds_without_prices(self, what: str, *leaders: str, after: Step) -> float:
        """From ``after`` until one of ``leaders`` leads and the client has newer prices of every symbol."""
        clock = asyncio.get_running_loop().time
        began = clock()
        await after()
        await self.until_named("lease.poller", *leaders)
        before = {symbol: self.client.newest_seq(symbol) for symbol in SYMBOLS}
        await self.client.until(lambda client: all(client.newest_seq(symbol) > before[symbol] for symbol in SYMBOLS))
        seconds = clock() - began
        print(f"{what}: new prices after {seconds:.2f} s")  # noqa: T201
        return seconds

    async def check(self) -> None:
        """No symbol's seq ever went back, for this client or for one that would come now; the prices are live."""
        for symbol in SYMBOLS:
            seqs = self.client.seqs(symbol)
            assert all(before < after for before, after in itertools.pairwise(seqs))
            stored = await self.bus.hget("ticks", symbol)
            assert isinstance(stored, bytes)
            assert seqs[-1] <= decode_tick(stored).seq
        await self.client.until(lambda client: client.status.get("feed") == "live")

    @property
    def statuses(self) -> list[str]:
        """What the client was told of the feed, in order."""
        return [message["feed"] for message in self.client.messages if message["type"] == "status"]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """Valkey, two pollers, a gateway, and a client that is live."""
    plan = both_ways()
    # A stage of the launcher with more in it than it knows: what listens nowhere is just started.
    plan = replace(plan, gateways=(*plan.gateways, replace(plan.poller, name="second")))
    bus_url = plan.poller.env["BUS_URL"]
    async with running(plan) as stack, Redis.from_url(bus_url) as bus, connected(ws_url(stack)) as client:
        await client.subscribe(*SYMBOLS)
        subject = Scene(stack, bus, client)
        await subject.until_both_are_there()
        yield subject


async def test_the_other_takes_over_when_the_leader_goes() -> None:
    """Told to stop, killed or frozen: the other leads, no seq goes back, and clients are told the truth meanwhile."""
    async with scene() as subject:
        stack = subject.stack

        async def terminate() -> None:
            stack[leader].send(SIGTERM)

        async def kill() -> None:
            stack[leader].send(SIGKILL)

        async def freeze() -> None:
            stack[leader].send(SIGSTOP)

        leader, other = await subject.until_both_are_there()
        statuses = len(subject.statuses)
        assert await subject.seconds_without_prices("stopped", other, after=terminate) < TAKEOVER_WITHIN_S
        await subject.check()
        assert [] == subject.statuses[statuses:]
        assert 0 == await stack[leader].ended()

        await stack.start_one(leader)
        leader, other = await subject.until_both_are_there()
        statuses = len(subject.statuses)
        assert await subject.seconds_without_prices("killed", other, after=kill) < TAKEOVER_WITHIN_S
        await subject.check()
        assert subject.statuses[statuses:] in ([], ["stale", "live"])
        await stack[leader].ended()

        await stack.start_one(leader)
        leader, other = await subject.until_both_are_there()
        statuses = len(subject.statuses)
        try:
            assert await subject.seconds_without_prices("frozen", other, after=freeze) < TAKEOVER_WITHIN_S
            await asyncio.sleep(FROZEN_S)
        finally:
            stack[leader].send(SIGCONT)
        # It has woken, and stands by.
        await subject.until_named("standby.poller", leader)
        assert other == await subject.named_by("lease.poller")
        await subject.check()
        assert subject.statuses[statuses:] in ([], ["stale", "live"])


async def test_one_leads_again_when_the_bus_has_lost_everything() -> None:
    """Flushed, or restarted empty, the bus has a leader and all prices again, and no seq goes back."""
    async with scene() as subject:

        async def flush() -> None:
            await subject.bus.flushall()

        async def restart() -> None:
            await subject.stack.stop_one("valkey")
            await subject.stack.start_one("valkey")

        for what, after in (("flushed", flush), ("restarted empty", restart)):
            assert await subject.seconds_without_prices(what, *POLLERS, after=after) < TAKEOVER_WITHIN_S
            await subject.until_both_are_there()
            await subject.check()
