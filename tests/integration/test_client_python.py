"""The Python client at real gateways that are killed, restarted and frozen: there is nothing for its caller to do."""

import asyncio
import itertools
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from deploy.launcher.stack import Stack
from deploy.process.program import Program
from tests.integration.faults import bus_port, launched, now, tell
from tests.integration.recorder import Recorder, assert_every_tick
from tests.integration.stacks import answers, cluster_plan, run_plan, running
from tests.waiting import until
from tickgate_client import Connected, Gap, State, Stream, SyncStream, Tick, connect, connect_sync

LONG = pytest.mark.long("gateway", "poller", "clients/python/tickgate_client", "haproxy.cfg")
pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

SYMBOLS = tuple(f"S{number}USDT" for number in range(10))
TICKS_PER_S = 500
EVERY, NEWEST = 4, 3
"""Clients that want every tick, and clients that want the newest."""
OLD_S = 3.0
CALM_S = 0.3


class Caller:
    """A program that only reads, and does nothing about any fault."""

    def __init__(self, url: str, *, conflate: bool) -> None:
        self.stream = Stream(url)
        self._conflate = conflate
        self.ticks: dict[str, list[Tick]] = defaultdict(list)
        self.gaps: list[Gap] = []
        self.states: list[State] = []
        self.connections = 0
        self.oldest_s = 0.0
        """Of all moments: the age of the oldest price that was called current."""

    async def run(self) -> None:
        """Until cancelled."""
        async with self.stream as stream, asyncio.TaskGroup() as group:
            await stream.subscribe("*", conflate=self._conflate)
            group.create_task(self._watch())
            async for event in stream.events():
                match event:
                    case Tick(symbol=symbol):
                        self.ticks[symbol].append(event)
                    case Gap():
                        self.gaps.append(event)
                    case State():
                        self.states.append(event)
                    case Connected():
                        self.connections += 1

    async def _watch(self) -> None:
        while True:
            for symbol, state in self.stream.states.items():
                if state.live:
                    self.oldest_s = max(self.oldest_s, self.stream.age_s(self.stream.ticks[symbol]))
            await asyncio.sleep(0.02)

    @property
    def is_current(self) -> bool:
        """Whether all prices are."""
        states = self.stream.states
        return len(states) == len(SYMBOLS) and all(state.live for state in states.values())


def read_in_a_thread(stream: SyncStream, until_: asyncio.Event) -> tuple[int, list[Tick]]:
    """The twin without asyncio does the same: how often it was connected, and every tick of one symbol."""
    ticks, connections = [], 0
    with stream:
        stream.subscribe(SYMBOLS[0], conflate=False)
        while not until_.is_set():
            event = stream.take(timeout_s=0.1)
            assert not isinstance(event, Gap), event
            if isinstance(event, Tick):
                ticks.append(event)
            connections += isinstance(event, Connected)
    return connections, ticks


async def replace_each(stack: Stack, streams: Sequence[Stream | SyncStream]) -> None:
    """Restart all gateways, one after the other: every second one is killed, and the others stop in order.

    A gateway that begins has no history, so it begins when everybody has a price of after the end of the last one.
    """

    async def killed(name: str) -> None:
        ended = asyncio.create_task(stack[name].ended())
        stack[name].send_all(signal.SIGKILL)
        await ended

    async def stopped(name: str) -> None:
        assert await stack.stop_one(name) == 0

    async def replace_one(gateway: Program, end: Callable[[str], Awaitable[None]]) -> None:
        await end(gateway.name)
        ended_us = time.time_ns() // 1000
        await until(lambda: all(newest_us(stream) > ended_us for stream in streams))
        await stack.start_one(gateway.name)
        await answers(f"http://{gateway.listens[0]}/readyz", 200)

    for number, gateway in enumerate(stack.plan.gateways):
        await replace_one(gateway, stopped if number % 2 else killed)


def newest_us(stream: Stream | SyncStream) -> int:
    """When the poller received the newest price of a stream."""
    return max((tick.recv_us for tick in dict(stream.ticks).values()), default=0)


@pytest.mark.parametrize("gateways", [2, pytest.param(4, marks=LONG)])
async def test_gateways_are_replaced_and_callers_need_not_care(gateways: int) -> None:
    """Killed or stopped in order: who wants every tick has each, once; no price called current is 3 s old."""
    plan = cluster_plan(SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S=str(TICKS_PER_S), DRAIN_SECONDS="1")
    plan = replace(plan, gateways=plan.gateways[:gateways], restart=False)
    recorder, enough = Recorder(), asyncio.Event()
    async with running(plan) as stack, recorder.listening(bus_port(plan)):
        await until(lambda: len(recorder.published) == len(SYMBOLS))
        url = f"ws://{plan.front}/ws"
        callers = [Caller(url, conflate=number >= EVERY) for number in range(EVERY + NEWEST)]
        tasks = [asyncio.create_task(caller.run()) for caller in callers]
        in_thread = connect_sync(url)
        thread = asyncio.create_task(asyncio.to_thread(read_in_a_thread, in_thread, enough))
        try:
            await until(lambda: all(caller.is_current for caller in callers))
            await replace_each(stack, [in_thread, *(caller.stream for caller in callers)])
            await until(lambda: all(caller.is_current for caller in callers))
            await asyncio.sleep(CALM_S)
        finally:
            enough.set()
        connections, of_thread = await thread
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    tell(
        f"each of {gateways} gateways replaced, every second one by kill -9",
        connections=sum(caller.connections for caller in callers) + connections,
        oldest_price_called_current=max(caller.oldest_s for caller in callers),
    )
    # Each began at a gateway that is another now.
    assert all(caller.connections >= 2 for caller in callers)
    assert connections >= 2
    assert max(caller.oldest_s for caller in callers) < OLD_S
    assert [] == [gap for caller in callers for gap in caller.gaps]
    every = [ticks for caller in callers[:EVERY] for ticks in caller.ticks.values()]
    assert EVERY * len(SYMBOLS) == len(every)
    for ticks in (*every, of_thread):
        seqs = [tick.seq for tick in ticks]
        assert_every_tick(ticks[0].symbol, seqs, recorder.published[ticks[0].symbol])
        assert len(seqs) > TICKS_PER_S / len(SYMBOLS)
    for caller in callers[EVERY:]:
        for ticks in caller.ticks.values():
            assert all(before.seq <= after.seq for before, after in itertools.pairwise(ticks))


@LONG
async def test_what_is_frozen_or_silent_is_told_within_three_seconds() -> None:
    """The gateway, the poller and the bus: prices are stale in time, and live again without the caller."""
    async with launched(run_plan()) as (stack, _), connect(f"ws://{stack.plan.front}/ws") as stream:
        await stream.subscribe("*")
        await until(lambda: all(state.live for state in stream.states.values()) and stream.states)
        assert stack.plan.bus is not None
        (bus,) = (program.name for program in stack.plan.bus)
        for name, words in (("gateway", "said nothing"), ("poller", "the poller is silent"), (bus, "")):
            frozen_at = now()
            stack[name].send_all(signal.SIGSTOP)
            try:
                await until(lambda: not any(state.live for state in stream.states.values()))
                stale_s = now() - frozen_at
                reasons = {state.reason for state in stream.states.values()}
            finally:
                stack[name].send_all(signal.SIGCONT)
            assert all(words in reason for reason in reasons), reasons
            thawed_at = now()
            await until(lambda: all(state.live for state in stream.states.values()))
            tell(f"{name} frozen", stale_after=stale_s, live_again_after=now() - thawed_at)
            assert stale_s < OLD_S + 1.5
