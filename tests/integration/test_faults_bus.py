"""The bus and the links to it fail in every way that a whole outage (``test_outage.py``) does not show."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from deploy.process.processes import Process
from tests.client import connected
from tests.integration.faults import (
    BESIDE,
    NO_BUS_LINK,
    SILENT_POLLER,
    SYMBOLS,
    assert_never_stale,
    assert_stayed,
    assert_unaware,
    bus_port,
    now,
    open_files,
    resident_mib,
    subscribers,
    tell,
    together,
    until_current,
    until_more,
    until_stale,
    url_of,
    with_gateways,
)
from tests.integration.fronts import both_ways
from tests.integration.stacks import eventually, run_plan, running, ws_url
from tests.proxy import Proxy

pytestmark = pytest.mark.integration

OUTAGE_S = 6
"""The watchdog's three seconds, and a try or two to link again that fails."""
ROOM_MIB = 24
"""What a gateway may grow by over a fault: what its allocator keeps of a burst, not what a leak would take."""


def _cut_both(proxy: Proxy) -> None:
    proxy.to_client.cut()
    proxy.to_server.cut()


def _freeze_both(proxy: Proxy) -> None:
    proxy.to_client.freeze()
    proxy.to_server.freeze()


BROKEN: dict[str, Callable[[Proxy], None]] = {
    "bus to gateway cut": lambda proxy: proxy.to_client.cut(),
    "cut both ways": _cut_both,
    "link frozen": _freeze_both,
}
LIMPING: dict[str, Callable[[Proxy], None]] = {
    "gateway to bus cut": lambda proxy: proxy.to_server.cut(),
    "link 300 ms late": lambda proxy: setattr(proxy.to_client, "delay_s", 0.3),
}
POLLERS: dict[str, Callable[[Proxy], None]] = {
    "poller to bus cut": lambda proxy: proxy.to_server.cut(),
    "bus to poller cut": lambda proxy: proxy.to_client.cut(),
}


async def test_a_gateway_whose_link_to_the_bus_fails_says_so_and_recovers_while_others_notice_nothing() -> None:
    """With bytes from the bus vanishing or standing still: stale, never disconnected, live and current again.

    While only the gateway's own bytes vanish, or the bus's come late, prices are what they should be and nobody is
    told anything.
    """
    plan = run_plan()
    async with AsyncExitStack() as exits:
        proxies = {name: await exits.enter_async_context(Proxy(bus_port(plan))) for name in (*BROKEN, *LIMPING)}
        links = {name: {"BUS_URL": f"redis://{proxy.address}/0"} for name, proxy in proxies.items()}
        stack = await exits.enter_async_context(running(with_gateways(plan, **links, bystander={})))
        bystanders = await exits.enter_async_context(subscribers(url_of(stack, "bystander"), conflate=False))
        await together(
            *(_broken_link(stack, name, proxies[name]) for name in BROKEN),
            *(_limping_link(stack, name, proxies[name]) for name in LIMPING),
        )
        await until_more(bystanders)
        assert_unaware(bystanders)


async def _broken_link(stack: Stack, name: str, proxy: Proxy) -> None:
    process = stack[name]
    async with subscribers(url_of(stack, name)) as clients, _nothing_left_by(process):
        until = now() + OUTAGE_S
        BROKEN[name](proxy)
        stale_after = await until_stale(clients, NO_BUS_LINK)
        await asyncio.sleep(until - now())
        await proxy.heal()
        back_after = await until_current(clients)
        assert_stayed(clients)
        tell(name, stale_after=stale_after, back_after=back_after)


async def _limping_link(stack: Stack, name: str, proxy: Proxy) -> None:
    async with subscribers(url_of(stack, name), conflate=False) as clients, _nothing_left_by(stack[name]):
        LIMPING[name](proxy)
        await asyncio.sleep(OUTAGE_S)
        await until_current(clients)
        assert_unaware(clients)
        await proxy.heal()
        await until_more(clients)
        assert_unaware(clients)
        tell(name, stale_after="never", prices_lost="none")


async def test_a_poller_whose_link_to_the_bus_fails_either_way_is_called_silent_until_it_is_back() -> None:
    """Whether its ticks vanish or only their confirmations, clients hear `stale`, then `live`, and no price twice."""
    await together(*map(_pollers_link, POLLERS))


async def _pollers_link(name: str) -> None:
    plan = both_ways()
    async with Proxy(bus_port(plan)) as proxy:
        env = {**plan.poller.env, "BUS_URL": f"redis://{proxy.address}/0"}
        async with (
            running(replace(plan, poller=replace(plan.poller, env=env))) as stack,
            subscribers(ws_url(stack)) as clients,
            _nothing_left_by(stack["poller"]),
        ):
            until = now() + OUTAGE_S
            POLLERS[name](proxy)
            stale_after = await until_stale(clients, SILENT_POLLER)
            await asyncio.sleep(until - now())
            await proxy.heal()
            back_after = await until_current(clients)
            assert_stayed(clients)
            tell(name, stale_after=stale_after, back_after=back_after)


async def test_a_gateway_that_the_bus_throws_out_links_again() -> None:
    """After `CLIENT KILL`, and after a frozen gateway overran its output buffer, clients are soon current again."""
    plan = both_ways()
    async with running(plan) as stack, subscribers(ws_url(stack)) as clients, _nothing_left_by(stack["gateway"]):
        async with _redis(plan) as redis:
            # The gateway's; and the poller's, while it listens to others.
            assert await redis.client_kill_filter(_type="pubsub") in (1, 2)
            tell(
                "subscriber killed",
                stale_after=await until_stale(clients, NO_BUS_LINK),
                back_after=await until_current(clients),
            )
            stack["gateway"].send(signal.SIGSTOP)
            try:
                await _overrun(redis)
            finally:
                stack["gateway"].send(signal.SIGCONT)
            tell(
                "output buffer overrun",
                stale_after=await until_stale(clients, NO_BUS_LINK),
                back_after=await until_current(clients),
            )
        assert_stayed(clients)


async def test_nobody_notices_that_the_bus_was_flushed() -> None:
    """After `FLUSHALL` prices go on, and the last values are all there again for who comes next."""
    plan = both_ways()
    async with running(plan) as stack, subscribers(ws_url(stack)) as clients, _redis(plan) as redis:
        flushed = now()
        assert await redis.flushall()

        async def all_back() -> bool:
            return await redis.hlen("ticks") == len(SYMBOLS)

        await eventually(all_back, within_s=30)
        back_after = now() - flushed
        async with connected(ws_url(stack)) as newcomer:
            await newcomer.subscribe(*SYMBOLS)
            await newcomer.until(lambda client: len(client.prices) == len(SYMBOLS))
        await until_more(clients)
        assert_stayed(clients)
        assert_never_stale(clients)
        tell("bus flushed", stale_after="never", last_values_back_after=back_after)


async def _overrun(redis: Redis) -> None:
    """Publish what nobody reads until the server has had enough of a subscriber."""
    await redis.config_set("client-output-buffer-limit", "pubsub 256kb 0 0")
    junk = b"x" * 2**20
    async with asyncio.timeout(20):
        # The kernel's buffers, of both ends, come first.
        while not (await redis.info("stats"))["client_output_buffer_limit_disconnections"]:
            for channel in (f"tick.{SYMBOLS[0]}", "0#batch.binance"):
                await redis.publish(channel, junk)


@asynccontextmanager
async def _redis(plan: Plan) -> AsyncIterator[Redis]:
    async with Redis(port=bus_port(plan), socket_timeout=5) as redis:
        yield redis


@asynccontextmanager
async def _nothing_left_by(process: Process) -> AsyncIterator[None]:
    """At the end of the block the process holds about as many descriptors and as much memory as before.

    What it says of itself, and for a moment what it hears of others, goes over connections beside the usual ones.
    """
    pid = process.pid
    files, memory = open_files(pid), resident_mib(pid)
    yield

    async def as_before() -> bool:
        return open_files(pid) <= files + BESIDE

    await eventually(as_before, within_s=30)
    assert process.pid == pid
    assert resident_mib(pid) < memory + ROOM_MIB
