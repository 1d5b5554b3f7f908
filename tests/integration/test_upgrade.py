"""Old and new programs on one bus, and an upgrade one by one under load, there and back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from tests.integration.faults import tell, with_gateways
from tests.integration.haproxy_stats import until_state
from tests.integration.releases import Releases
from tests.integration.stacks import cluster_plan, eventually, run_plan, running
from tests.waiting import until
from tickgate_client import Connected, Stream, Tick

pytestmark = pytest.mark.integration

SYMBOLS = tuple(f"S{number}USDT" for number in range(20))
TICKS_PER_S = 400
MISSED_S = 3.0
"""No client is without a price for longer: the promise."""
CLIENTS = 30


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Both wheels."""
    return Releases(tmp_path_factory.mktemp("releases"))


class Watcher:
    """A client that only reads: for how long a symbol had no tick, and how often it was connected."""

    def __init__(self, url: str) -> None:
        self.stream = Stream(url)
        self.connections = 0
        self._at: dict[str, float] = {}
        """Symbol -> when its newest tick came. A snapshot is none: it may be old."""
        self._made_us: dict[str, int] = {}
        """Symbol -> when its newest tick was made, by the clock of this machine."""
        self.longest_s = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        async with self.stream as stream:
            await stream.subscribe("*")
            async for event in stream.events():
                if isinstance(event, Connected):
                    self.connections += 1
                if isinstance(event, Tick) and not event.snapshot:
                    now = time.monotonic()
                    self.longest_s = max(self.longest_s, now - self._at.get(event.symbol, now))
                    self._at[event.symbol] = now
                    self._made_us[event.symbol] = event.recv_us

    @property
    def oldest_at(self) -> float:
        """When the newest tick of each symbol came at the earliest; 0 before each has one."""
        return min(self._at.values()) if len(self._at) == len(SYMBOLS) else 0.0

    @property
    def oldest_made_us(self) -> int:
        """When the newest tick of each symbol was made at the earliest; 0 before each has one."""
        return min(self._made_us.values()) if len(self._made_us) == len(SYMBOLS) else 0


@asynccontextmanager
async def watching(*urls: str) -> AsyncIterator[list[Watcher]]:
    """A client of each of these, with a price."""
    watchers = [Watcher(url) for url in urls]
    tasks = [asyncio.create_task(watcher.run()) for watcher in watchers]
    try:
        await until(lambda: all(watcher.oldest_at for watcher in watchers))
        yield watchers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def more_prices(watchers: list[Watcher]) -> None:
    """Wait until each has one of each symbol that was made after now: none that was on its way."""
    now_us = time.time_ns() // 1000
    await until(lambda: all(watcher.oldest_made_us > now_us for watcher in watchers))


async def standing_by(plan: Plan) -> bytes | None:
    """The name of the poller that stands by, which is another one for each process; it stays for 2 s after its end."""
    async with Redis.from_url(plan.poller.env["BUS_URL"]) as bus:
        name = await bus.get("standby.poller")
        assert not isinstance(name, str)
        return name


async def until_other_stands_by(plan: Plan, before: bytes | None) -> None:
    """Wait until a poller stands by that is not the one of ``before``."""

    async def it_does() -> bool:
        return await standing_by(plan) not in (None, before)

    await eventually(it_does, 20)


async def refused(stack: Stack, plan: Plan, releases: Releases) -> dict[str, float]:
    """What gateways that run have refused of the bus, by gateway and reason; heartbeats among them.

    Each is of the release that it should be of: the last one has no `tickgate_build_info`.
    """
    found: dict[str, float] = {}
    async with aiohttp.ClientSession() as http:
        for gateway in plan.gateways:
            if not stack[gateway.name].running:
                continue
            async with http.get(f"http://{gateway.listens[0]}/metrics") as answer:
                families = text_string_to_metric_families(await answer.text())
            samples = [sample for family in families for sample in family.samples]
            names = {sample.name for sample in samples}
            assert "tickgate_ticks_received_total" in names
            assert (releases.used(gateway.name) == "this") == ("tickgate_build_info" in names)
            for sample in samples:
                if sample.name == "tickgate_bus_refused_total" and sample.value:
                    found[f"{gateway.name}: {sample.labels}"] = sample.value
    return found


def with_two_pollers(plan: Plan) -> Plan:
    """``plan`` with a second poller of the same venue, which stands by."""
    return replace(plan, other_pollers=(replace(plan.poller, name="poller-2"),))


async def test_old_and_new_share_a_bus(releases: Releases) -> None:
    """Each gateway reads each poller, and each poller takes over from the other: nobody is without prices for long."""
    plan = with_two_pollers(run_plan(SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S=str(TICKS_PER_S), LOG_LEVEL="WARNING"))
    plan = with_gateways(plan, old={}, new={})
    plan = releases.plan(plan, {plan.poller.name: "last", "poller-2": "this", "old": "last", "new": "this"})
    async with running(plan) as stack:
        urls = [f"ws://{gateway.listens[0]}/ws" for gateway in plan.gateways]
        async with watching(*urls) as watchers:
            # Whoever leads: after this it is the new one, and then the old one.
            await until_other_stands_by(plan, None)
            for stopped in (plan.poller.name, "poller-2"):
                before = await standing_by(plan)
                await stack.stop_one(stopped)
                await more_prices(watchers)
                if stopped == plan.poller.name:
                    await stack.start_one(stopped)
                    await until_other_stands_by(plan, before)
            assert {} == await refused(stack, plan, releases)
            longest_s = max(watcher.longest_s for watcher in watchers)
            tell("a poller of another release takes over", longest_without_a_price=longest_s)
            assert longest_s < MISSED_S


def each_there_and_back(plan: Plan) -> Iterator[tuple[str, str]]:
    """Program and release: gateways first, then pollers, there and back. So each release reads each other's pollers."""
    gateways = [gateway.name for gateway in plan.gateways]
    pollers = [plan.poller.name, *(poller.name for poller in plan.other_pollers)]
    for name in (*gateways, *pollers):
        yield name, "this"
    for name in (*gateways, *pollers):
        yield name, "last"


@pytest.mark.haproxy
@pytest.mark.long("gateway", "poller", "market", "haproxy.cfg", "tests/integration/releases.py")
async def test_a_rolling_upgrade_under_load_and_back(releases: Releases) -> None:
    """From the last release to this one, one program at a time, and back."""
    plan = cluster_plan(
        SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S=str(TICKS_PER_S), DRAIN_SECONDS="3", LOG_LEVEL="WARNING"
    )
    plan = with_two_pollers(replace(plan, gateways=plan.gateways[:3], restart=False))
    names = [plan.poller.name, "poller-2", *(gateway.name for gateway in plan.gateways)]
    plan = releases.plan(plan, dict.fromkeys(names, "last"))
    async with running(plan) as stack, watching(*[f"ws://{plan.front}/ws"] * CLIENTS) as watchers:
        for name, release in each_there_and_back(plan):
            assert {} == await refused(stack, plan, releases), (name, release)
            before = await standing_by(plan)
            await stack.stop_one(name)
            releases.use(release, name)
            await stack.start_one(name)
            await stack.until_ready(name)
            if name.startswith("gateway"):
                await until_state(stack, name, "UP")
            else:
                await until_other_stands_by(plan, before)
            await more_prices(watchers)
            assert {} == await refused(stack, plan, releases), (name, release)
        longest_s = max(watcher.longest_s for watcher in watchers)
        connections = sum(watcher.connections for watcher in watchers)
        tell(
            "upgrade of 3 gateways and 2 pollers, and back",
            longest_without_a_price=longest_s,
            connections=str(connections),
        )
        # Each gateway was stopped twice: somebody moved each time.
        assert connections >= CLIENTS + 2 * len(plan.gateways)
        assert longest_s < MISSED_S
