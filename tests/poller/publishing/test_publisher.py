"""Ticks and heartbeats onto a bus that fails as told, on virtual time, and onto a real one that dies and freezes."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from market.bus import Batch, Bus, BusDownError, Token, open_bus
from market.bus.memory import MemoryBus
from market.prices.instruments import Instrument
from market.prices.stats import Stats
from market.prices.tick import SEQ_AHEAD_MS, Tick
from market.wire.codec import decode_heartbeat, decode_states, decode_tick, encode_states
from market.wire.stats import decode_stats
from market.wire.status import Changes, Heartbeat, States
from market.wire.topics import last_states, last_stats, last_ticks
from poller.publishing import publisher, send_buffer
from poller.publishing.leadership import STAND_BY_S, TTL_S, Lead
from poller.publishing.publisher import Publisher
from poller.publishing.sequencer import Sequencer
from poller.publishing.slow_topics import SlowTopics
from poller.source import LinkState
from poller.states import SymbolStates
from tests.fakes import run_virtual
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.using import listen, publish
from tests.market.samples import tick
from tests.valkey import Valkey
from tests.waiting import until

NOON_S = 12 * 3600
"""The wall time at which a virtual loop begins."""
UP = LinkState("simulated", "up", "", 5)
DOWN = LinkState("binance-ws", "down", "the exchange is silent", 6)
SYMBOLS = ("A1", "B1", "C1", "D1", *(f"S{number}" for number in range(100)))
Sent = Tick | Heartbeat


class ScriptedBus(MemoryBus):
    """A bus that needs ``latency_s`` for a publish; the test sets whether it is up."""

    name = "scripted"

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[float, list[Sent]]] = []
        """When each publish was taken, by the loop's time, and what was in it."""
        self.attempts: list[float] = []
        """The times of requests to it."""
        self.latency_s = 0.0
        self.up = True
        self.refuses = ""
        """The beginning of topics that our user may not write."""

    async def publish(self, batch: Batch, *, token: Token | None = None) -> None:
        await self._ask(self.latency_s)
        if self.refuses and any(topic.startswith(self.refuses) for topic, _ in batch.updates):
            raise BusDownError(f"NOPERM {self.refuses}")
        await super().publish(batch, token=token)
        sent: list[Sent] = [decode_tick(payload) for topic, payload in batch.updates if topic.startswith("tick.")]
        if batch.barrier:
            sent.append(decode_heartbeat(batch.barrier[1]))
        self.calls.append((asyncio.get_running_loop().time(), sent))

    async def acquire(self, lease: str, owner: str, ttl_s: float) -> Token | None:
        await self._ask()
        return await super().acquire(lease, owner, ttl_s)

    async def take_stand_by(self, lease: str) -> str | None:
        await self._ask()
        return await super().take_stand_by(lease)

    async def release(self, token: Token) -> None:
        await self._ask()
        await super().release(token)

    def lose_everything(self) -> None:
        """Do as FLUSHALL or a restart does: last values and store are empty."""
        self._values.clear()
        for key in tuple(self._stored):
            self._remove(key)

    async def _ask(self, latency_s: float = 0.0) -> None:
        self.attempts.append(asyncio.get_running_loop().time())
        if latency_s:
            await asyncio.sleep(latency_s)
        if not self.up:
            raise BusDownError("scripted")

    @property
    def ticks(self) -> list[tuple[str, int]]:
        """Symbol and mark of every tick taken, in order."""
        return [(its.symbol, its.recv_us) for _, call in self.calls for its in call if isinstance(its, Tick)]

    @property
    def heartbeats(self) -> list[tuple[float, Heartbeat]]:
        """Every heartbeat taken, and when."""
        return [(time, its) for time, call in self.calls for its in call if isinstance(its, Heartbeat)]


class MarkingPublisher(Publisher):
    """A publisher whose ticks are told apart by a mark, as their numbers are given on the way."""

    def __init__(
        self, bus: Bus, state: Callable[[], LinkState] = lambda: UP, owner: str = "we", clock_s: float = 0.0
    ) -> None:
        loop = asyncio.get_running_loop()

        self.clock_s = clock_s

        def now_us() -> int:
            return round((NOON_S + self.clock_s + loop.time()) * 1e6)

        self.sequencer = Sequencer(SYMBOLS)
        lead = Lead(bus, self.sequencer, owner=owner, now_us=now_us)
        self.states = SymbolStates(now_us)
        self.slow_topics = SlowTopics(1, clock=loop.time, symbol_channels=True)
        super().__init__(
            bus, state, self.states, lead, self.sequencer, self.slow_topics, now_us=now_us, rng=random.Random(1)
        )

    def put_marks(self, *marks: tuple[str, int]) -> None:
        """Put a tick of each symbol with this mark."""
        for symbol, mark in marks:
            self.put(tick(symbol, self.sequencer.take(symbol), recv_us=mark))


def plain(heartbeat: Heartbeat) -> Heartbeat:
    """A heartbeat without the states of symbols and what else is published."""
    return structs.replace(heartbeat, states=UNSET, batches=UNSET, channels=UNSET)


@asynccontextmanager
async def running(bus: ScriptedBus, state: Callable[[], LinkState] = lambda: UP) -> AsyncIterator[MarkingPublisher]:
    """A publisher on ``bus`` that runs within the block, and is then stopped cleanly."""
    subject = MarkingPublisher(bus, state)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(subject.run())
        await asyncio.sleep(0.1)
        yield subject
        subject.stop()
    assert_seqs_grow(bus)


def assert_seqs_grow(bus: ScriptedBus) -> None:
    """No symbol's seq ever went back, and none stood for two ticks."""
    newest: dict[str, Tick] = {}
    for its in (its for _, call in bus.calls for its in call if isinstance(its, Tick)):
        before = newest.setdefault(its.symbol, its)
        assert before == its or before.seq < its.seq
        newest[its.symbol] = its


def marks(count: int, symbol: str = "A1", start: int = 0) -> list[tuple[str, int]]:
    """Symbol and mark of ``count`` ticks."""
    return [(symbol, mark) for mark in range(start, start + count)]


def test_all_in_order() -> None:
    """Every tick is sent in order, both if thousands are put at once and if they come one by one."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.latency_s = 0.003
        async with running(bus) as subject:
            subject.put_marks(*marks(10_000))
            for mark in range(10_000, 10_100):
                subject.put_marks(("A1", mark))
                await asyncio.sleep(0.001)
        assert marks(10_100) == bus.ticks
        assert (10_100, 0, 0, 0) == (subject.published, subject.conflated, subject.failures, subject.waiting)
        assert max(len(call) for _, call in bus.calls) <= publisher.MAX_BATCH + 1

    run_virtual(main())


def test_natural_batches() -> None:
    """A single tick goes at once; ticks that come during a publish go together in the next one."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.calls.clear()
            bus.latency_s = 0.0104
            for mark in range(31):
                subject.put_marks(("A1", mark))
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.1)
            assert [1, 10, 10, 10] == [len(call) for _, call in bus.calls]

    run_virtual(main())


def test_heartbeat_each_second() -> None:
    """A heartbeat goes out at the start and each second, with the source's present state."""

    async def main() -> None:
        bus = ScriptedBus()
        states = [UP]
        async with running(bus, lambda: states[-1]):
            await asyncio.sleep(0.8)
            states.append(LinkState("simulated", "up", "x" * 300, 7))
            await asyncio.sleep(1.7)
        assert [0, 1, 2] == [time for time, _ in bus.heartbeats[:3]]
        assert ["", "x" * 200] == [heartbeat.reason for _, heartbeat in bus.heartbeats[:2]]
        expected = Heartbeat(
            source="simulated", link="up", reason="x" * 200, since_us=7, sent_us=(NOON_S + 2) * 1_000_000
        )
        assert expected == plain(bus.heartbeats[2][1])

    run_virtual(main())


def test_heartbeat_of_a_changed_link() -> None:
    """When the link changes, a heartbeat follows the next tick at once; the grid of seconds stays."""

    async def main() -> None:
        bus = ScriptedBus()
        states = [LinkState("binance-ws", "down", "starting", 1)]
        async with running(bus, lambda: states[-1]) as subject:
            states.append(LinkState("binance-ws", "up", "", 2))
            await asyncio.sleep(0.1)
            for mark in range(10):
                subject.put_marks(("A1", mark))
                await asyncio.sleep(0.01)
            await asyncio.sleep(1)
        assert pytest.approx([0, 0.2, 1]) == [time for time, _ in bus.heartbeats[:3]]
        assert ["down", "up", "up"] == [heartbeat.link for _, heartbeat in bus.heartbeats[:3]]

    run_virtual(main())


def test_heartbeat_of_a_link_that_ends() -> None:
    """The end of a link is reported within a quarter of a second, although no tick follows it."""

    async def main() -> None:
        bus = ScriptedBus()
        states = [LinkState("binance-ws", "up", "", 1)]
        async with running(bus, lambda: states[-1]):
            await asyncio.sleep(0.05)
            states.append(LinkState("binance-ws", "down", "stream down", 2))
            await asyncio.sleep(2)
        times = [time for time, _ in bus.heartbeats]
        assert ["up", "down", "down"] == [heartbeat.link for _, heartbeat in bus.heartbeats[:3]]
        assert times[1] <= 0.3
        assert pytest.approx([1, 2], abs=0.01) == times[2:4]

    run_virtual(main())


def test_heartbeat_follows_what_waits() -> None:
    """A due heartbeat goes after every tick that was put before it, and is not put off by those put later."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.calls.clear()
            bus.latency_s = 0.05
            await asyncio.sleep(0.85)
            subject.put_marks(*marks(4_500))
            for start in range(4_500, 40_000, 50):
                subject.put_marks(*marks(50, start=start))
                await asyncio.sleep(0.002)
            stream = [its for _, call in bus.calls for its in call]
        first = next(index for index, its in enumerate(stream) if isinstance(its, Heartbeat))
        assert 4_500 <= first < 4_500 + 5_000
        assert marks(40_000) == bus.ticks

    run_virtual(main())


def test_heartbeats_go_on_under_load() -> None:
    """With any number of waiting ticks, no three seconds pass without a heartbeat."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.latency_s = 0.1
            for start in range(0, 100_000, 500):
                subject.put_marks(*marks(500, start=start))
                await asyncio.sleep(0.05)
        times = [time for time, _ in bus.heartbeats]
        assert max(later - earlier for earlier, later in pairwise(times)) < 2
        assert marks(100_000) == bus.ticks

    run_virtual(main())


def test_bound() -> None:
    """Beyond the bound only the newest waiting tick of each symbol stays, and the others are counted."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.latency_s = 0.01
            subject.put_marks(*marks(send_buffer.MAX_WAITING - 1), ("B1", 7), ("A1", 999_999))
            assert 2 == subject.waiting
            assert send_buffer.MAX_WAITING - 1 == subject.conflated
            subject.put_marks(("B1", 8))
        assert [("A1", 999_999), ("B1", 7), ("B1", 8)] == bus.ticks

    run_virtual(main())


def test_outage() -> None:
    """While the bus is down one tick of each symbol waits; when it is back the newest of every symbol goes."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            subject.put_marks(("A1", 1), ("B1", 1), ("C1", 1))
            await asyncio.sleep(0.1)
            bus.up = False
            subject.put_marks(*marks(50, "A1", 2))
            await asyncio.sleep(5)
            subject.put_marks(("B1", 2), *marks(50, "A1", 52), ("D1", 1))
            assert 3 == subject.waiting
            await asyncio.sleep(5)
            bus.up = True
            bus.calls.clear()
            await asyncio.sleep(1.2)
            _, call = bus.calls[0]
            back = [its if isinstance(its, Heartbeat) else (its.symbol, its.recv_us) for its in call]
            assert {("A1", 101), ("B1", 2), ("C1", 1), ("D1", 1)} == set(back[:-1])
            assert isinstance(back[-1], Heartbeat)
            assert (0, 6, 99) == (subject.waiting, subject.published, subject.conflated)
            subject.put_marks(("A1", 102))
            await asyncio.sleep(0.01)
            assert ("A1", 102) == bus.ticks[-1]

    run_virtual(main())


def test_retries() -> None:
    """A bus that is down is tried again about each second, not in step with others, and never given up."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.up = False
        async with running(bus) as subject:
            for mark in range(1000):
                subject.put_marks(("A1", mark))
                await asyncio.sleep(0.1)
            gaps = {round(b - a, 3) for a, b in pairwise(bus.attempts)}
            assert 80 < len(bus.attempts) < 125
            assert min(gaps) >= 0.8
            assert max(gaps) <= 1.2
            assert len(gaps) > 50
            assert len(bus.attempts) == subject.failures

    run_virtual(main())


def test_repeat_after_an_outage() -> None:
    """With the next heartbeat after an outage all values go out again: a frozen server may have overwritten them."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            subject.put_marks(("A1", 1), ("B1", 1))
            await asyncio.sleep(0.1)
            bus.up = False
            subject.put_marks(("A1", 2))
            await asyncio.sleep(2)
            bus.up = True
            bus.calls.clear()
            await asyncio.sleep(5)
            assert [("A1", 2), ("B1", 1)] * 2 == bus.ticks
            assert 3 == subject.published

    run_virtual(main())


def test_repeat_keeps_every_tick() -> None:
    """Ticks that wait during the repetition are still sent completely and in order."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            subject.put_marks(("A1", 1), ("B1", 1))
            bus.up = False
            await asyncio.sleep(2)
            bus.up = True
            await until(lambda: bus.calls[1:])
            bus.calls.clear()
            bus.latency_s = 0.4
            for mark in range(2, 40):
                subject.put_marks(("A1", mark))
                await asyncio.sleep(0.05)
            await asyncio.sleep(2)
        assert marks(38, "A1", 2) == [mark for mark in bus.ticks if mark[0] == "A1"]
        assert [("B1", 1)] == [mark for mark in bus.ticks if mark[0] == "B1"]

    run_virtual(main())


def test_ticks_put_during_the_first_answer() -> None:
    """Ticks put during the first publish after an outage go next."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.up = False
        async with running(bus) as subject:
            subject.put_marks(("A1", 1))
            bus.latency_s = 0.5
            bus.up = True
            await until(lambda: len(bus.attempts) == 3)
            subject.put_marks(("A1", 2), ("B1", 1))
            await asyncio.sleep(1.1)
            assert [("A1", 1), ("A1", 2), ("B1", 1)] == bus.ticks

    run_virtual(main())


def test_outage_is_logged_at_its_start_and_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """A long outage makes two lines in the log."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.up = False
            for mark in range(300):
                subject.put_marks(("A1", mark))
                await asyncio.sleep(0.1)
            bus.up = True
            await asyncio.sleep(3)

    caplog.set_level(logging.DEBUG, "poller")
    run_virtual(main())
    down, back = [record.getMessage() for record in caplog.records]
    assert down.startswith("bus scripted is down (scripted)")
    assert back.startswith("bus scripted is back after 30.")


def test_stop() -> None:
    """A clean stop sends the waiting ticks, and then a last heartbeat with the reason."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.calls.clear()
            bus.latency_s = 0.01
            subject.put_marks(*marks(3_500))
        assert marks(3_500) == bus.ticks
        last = bus.calls[-1][1][-1]
        assert isinstance(last, Heartbeat)
        now_us = last.sent_us
        stopped = "the poller was stopped"
        assert Heartbeat(source="simulated", link="down", reason=stopped, since_us=now_us, sent_us=now_us) == plain(
            last
        )

    run_virtual(main())


@pytest.mark.parametrize("up_again", [True, False])
def test_stop_in_an_outage(up_again: bool) -> None:
    """A stop while the bus is down tries once more, and then ends in any case."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.up = False
        async with running(bus) as subject:
            subject.put_marks(("A1", 1))
            bus.up = up_again
        assert ([("A1", 1)] if up_again else []) == bus.ticks
        assert (4 if up_again else 2) == len(bus.attempts)
        assert ["the poller was stopped"] * up_again == [heartbeat.reason for _, heartbeat in bus.heartbeats]

    run_virtual(main())


def test_states_reach_the_bus() -> None:
    """A changed state goes out within one check, behind its ticks; a bus that lost everything gets the full set."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:

            async def settled(instrument: Instrument) -> States:
                subject.states.listed("A1", instrument)
                subject.states.settle({}, up=True)
                subject.put_marks(("A1", 1))
                await asyncio.sleep(0.3)
                payload = await last_states(bus.last_values)
                assert payload is not None
                return decode_states(payload)

            assert await settled(Instrument("trading")) == subject.states.whole()
            before, heartbeats = subject.states.version, len(bus.heartbeats)
            assert await settled(Instrument("halted", reason="BREAK")) == subject.states.whole()
            changes = bus.heartbeats[heartbeats][1].states
            assert isinstance(changes, Changes)
            assert (before, ["halted"]) == (changes.since, [its.state for its in changes.symbols])
            bus.lose_everything()
            await asyncio.sleep(2.5)
            assert encode_states(subject.states.whole()) == await last_states(bus.last_values)

    run_virtual(main())


def test_a_symbol_that_is_new_is_numbered_above_what_the_bus_holds() -> None:
    """A new symbol's seq is above its last value on the bus, even if the clock of its writer was far ahead."""

    async def main() -> None:
        bus, ahead = ScriptedBus(), (NOON_S + 3600) * 1_000
        await publish(bus, [tick("NEW", ahead)])
        async with running(bus) as subject:
            subject.put_marks(("A1", 1), ("B1", 1))
            await asyncio.sleep(0.1)
            subject.forget("B1")
            subject.sequencer.add("NEW", NOON_S * 1_000)
            subject.put_marks(("NEW", 2), ("A1", 2))
            await asyncio.sleep(0.1)
            subject.put_marks(("NEW", 3))
            await asyncio.sleep(0.1)
            assert (subject.failures, subject.leading) == (0, True)
        seqs = [its.seq for _, call in bus.calls for its in call if isinstance(its, Tick) and its.symbol == "NEW"]
        assert [ahead + 1, ahead + 2] == seqs[-2:]
        # Nobody else's count jumps for that.
        [before, after] = [
            its.seq for _, call in bus.calls for its in call if isinstance(its, Tick) and its.symbol == "A1"
        ]
        assert before + 1 == after
        assert [1] == [mark for symbol, mark in bus.ticks if symbol == "B1"]

    run_virtual(main())


def test_a_clock_that_was_days_ahead_is_followed_when_it_is_set_right() -> None:
    """Within a second the next tick has a number that gateways accept; until then they refuse ticks, and report it."""

    async def main() -> None:
        bus = ScriptedBus()
        subject = MarkingPublisher(bus, clock_s=3 * 86_400)
        running = asyncio.create_task(subject.run())
        await asyncio.sleep(0.1)
        subject.put_marks(("A1", 1))
        await asyncio.sleep(0.1)
        subject.clock_s = 0.0
        await asyncio.sleep(1)
        subject.put_marks(("A1", 2), ("A1", 3))
        await asyncio.sleep(0.1)
        seqs = [its.seq - NOON_S * 1000 for _, call in bus.calls for its in call if isinstance(its, Tick)]
        assert [True, False, False] == [seq > SEQ_AHEAD_MS for seq in seqs]
        assert 0 <= seqs[1] == seqs[2] - 1 <= 2_000
        subject.stop()
        await running

    run_virtual(main())


def test_room() -> None:
    """There is room after the bus took a heartbeat, and none while it is down or many ticks wait."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.up = False
        async with running(bus) as subject:
            waiting = asyncio.create_task(subject.room())
            await asyncio.sleep(3)
            assert not waiting.done()
            bus.up = True
            await asyncio.sleep(1.3)
            assert waiting.done()
            bus.latency_s = 0.1
            subject.put_marks(*marks(5_000))
            before = asyncio.get_running_loop().time()
            await subject.room()
            assert 0.3 < asyncio.get_running_loop().time() - before < 0.6

    run_virtual(main())


class Pollers:
    """Several publishers on one bus, each with its own clock; each can be killed."""

    def __init__(self, bus: ScriptedBus, *clocks_s: float) -> None:
        self.bus = bus
        self.links = [UP for _ in clocks_s]
        self.all = [
            MarkingPublisher(bus, partial(self.links.__getitem__, number), f"number {number}", clock_s)
            for number, clock_s in enumerate(clocks_s)
        ]
        self._running = [asyncio.create_task(its.run()) for its in self.all]

    @property
    def leading(self) -> list[int]:
        """The publishers that lead, or believe so."""
        return [number for number, its in enumerate(self.all) if its.leading and not self._running[number].done()]

    async def kill(self, number: int) -> None:
        """Kill one: it sends no last heartbeat."""
        self._running[number].cancel()
        await asyncio.wait([self._running[number]])

    def put_marks(self, *marks: tuple[str, int]) -> None:
        """Put the same ticks into all of them."""
        for its in self.all:
            its.put_marks(*marks)

    async def stop(self, *numbers: int) -> None:
        """Stop these, or all, cleanly."""
        tasks = [self._running[number] for number in numbers or range(len(self.all))]
        for number in numbers or range(len(self.all)):
            self.all[number].stop()
        await asyncio.wait(tasks)
        assert [None] * len(tasks) == [None if task.cancelled() else task.exception() for task in tasks]


HOUR_S = 3600.0


def test_standing_by() -> None:
    """While one leads another sends nothing, also at its end, and counts nothing as waiting or conflated."""

    async def main() -> None:
        bus = ScriptedBus()
        pollers = Pollers(bus, 0, 0)
        for mark in range(50):
            pollers.put_marks(("A1", mark), ("B1", mark))
            await asyncio.sleep(0.1)
        await pollers.stop(1)
        assert [0] == pollers.leading
        leader, other = pollers.all
        assert [("A1", 49), ("B1", 49)] == sorted(bus.ticks)[-51::50]
        assert (100, 5) == (leader.published, leader.heartbeats)
        assert (0, 0, 0, 0, 0) == (other.published, other.heartbeats, other.waiting, other.conflated, other.failures)
        assert ["up"] * 5 == [heartbeat.link for _, heartbeat in bus.heartbeats]
        await pollers.stop(0)

    run_virtual(main())


@pytest.mark.parametrize("moment_s", [1.0, 1.3, 1.6, 1.95])
@pytest.mark.parametrize("clocks_s", [(0, 0), (0, -HOUR_S), (-HOUR_S, 0)])
def test_takeover_from_one_that_was_killed(clocks_s: tuple[float, float], moment_s: float) -> None:
    """Another leads before gateways miss a heartbeat, with the newest tick of every symbol, numbered above all."""

    async def main() -> None:
        bus = ScriptedBus()
        pollers = Pollers(bus, *clocks_s)
        pollers.put_marks(("A1", 1), ("B1", 1))
        await asyncio.sleep(moment_s)
        await pollers.kill(0)
        before = len(bus.calls)
        pollers.put_marks(("A1", 2), ("C1", 1))
        await until(lambda: pollers.leading == [1])
        assert asyncio.get_running_loop().time() <= moment_s + TTL_S + 1.2 * STAND_BY_S
        time, (*ticks, heartbeat) = bus.calls[before]
        # The last one before it was at second 1.
        assert time < 1 + 3
        assert isinstance(heartbeat, Heartbeat)
        assert "up" == heartbeat.link
        assert [("A1", 2), ("B1", 1), ("C1", 1)] == sorted(bus.ticks[-3:])
        assert 3 == len(ticks)
        pollers.put_marks(("A1", 3))
        await asyncio.sleep(0.01)
        assert ("A1", 3) == bus.ticks[-1]
        await pollers.stop(1)
        assert_seqs_grow(bus)

    run_virtual(main())


def test_takeover_from_one_that_was_stopped() -> None:
    """A leader that stops while another stands by sends all waiting ticks and no final heartbeat; the other follows."""

    async def main() -> None:
        bus = ScriptedBus()
        pollers = Pollers(bus, 0, -HOUR_S)
        await asyncio.sleep(1.7)
        pollers.put_marks(*marks(3_000))
        await pollers.stop(0)
        stopped = asyncio.get_running_loop().time()
        assert marks(3_000) == bus.ticks
        pollers.put_marks(("A1", 3_000))
        await until(lambda: pollers.leading == [1])
        assert asyncio.get_running_loop().time() - stopped <= 1.2 * STAND_BY_S
        assert ("A1", 3_000) == bus.ticks[-1]
        assert {"up"} == {heartbeat.link for _, heartbeat in bus.heartbeats}
        await pollers.stop(1)
        assert "the poller was stopped" == bus.heartbeats[-1][1].reason
        assert_seqs_grow(bus)

    run_virtual(main())


def test_lead_goes_to_who_hears_the_exchange() -> None:
    """A leader whose link is down hands over to one whose link is up, and back; if all are down, it stays."""

    async def main() -> None:
        bus = ScriptedBus()
        pollers = Pollers(bus, 0, 0)
        await asyncio.sleep(1)
        for leader, other in ((0, 1), (1, 0)):
            pollers.put_marks(("A1", 1))
            pollers.links[:] = [DOWN, DOWN]
            await asyncio.sleep(5)
            assert [leader] == pollers.leading
            assert "down" == bus.heartbeats[-1][1].link
            pollers.links[other] = UP
            await asyncio.sleep(2.5)
            assert [other] == pollers.leading
            await asyncio.sleep(5)
            assert [other] == pollers.leading
            assert {"up"} == {heartbeat.link for _, heartbeat in bus.heartbeats[-5:]}
        await pollers.stop()
        assert_seqs_grow(bus)

    run_virtual(main())


def test_successor_that_does_not_come() -> None:
    """A leader that handed over to a dead poller leads again before gateways miss a heartbeat."""

    async def main() -> None:
        bus = ScriptedBus()
        pollers = Pollers(bus, 0, 0)
        await asyncio.sleep(1.3)
        await pollers.kill(1)
        pollers.links[0] = DOWN
        await asyncio.sleep(10)
        assert [0] == pollers.leading
        times = [time for time, _ in bus.heartbeats]
        assert max(later - earlier for earlier, later in pairwise(times)) < 3
        await pollers.stop(0)

    run_virtual(main())


@pytest.mark.parametrize("clocks_s", [(0,), (0, -HOUR_S), (-HOUR_S, 0)])
def test_store_that_is_emptied(clocks_s: tuple[float, ...]) -> None:
    """When the bus has lost everything, one leads again within a second, and the newest of every symbol is back."""

    async def main() -> None:
        for moment_s in (0.0, 0.1, 0.2, 0.3, 0.7):
            bus = ScriptedBus()
            pollers = Pollers(bus, *clocks_s)
            pollers.put_marks(("A1", 1), ("B1", 1))
            await asyncio.sleep(1)
            pollers.put_marks(("A1", 2))
            await asyncio.sleep(moment_s)
            bus.lose_everything()
            pollers.put_marks(("A1", 3))
            await asyncio.sleep(1.1)
            assert 1 == len(pollers.leading)
            values = await last_ticks(bus.last_values)
            held = {symbol: decode_tick(payload).recv_us for symbol, payload in values.items()}
            assert {"A1": 3, "B1": 1} == held
            await pollers.stop()
            assert_seqs_grow(bus)

    run_virtual(main())


def test_change_of_the_lead_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each poller says when it begins to stand by, and when it leads after that, and nothing else."""

    async def main() -> None:
        bus = ScriptedBus()
        pollers = Pollers(bus, 0, 0)
        await asyncio.sleep(3)
        await pollers.stop(0)
        await asyncio.sleep(3)
        await pollers.stop(1)

    caplog.set_level(logging.INFO, "poller")
    run_virtual(main())
    words = [record.getMessage().split(":")[0] for record in caplog.records]
    assert ["standing by", "leading"] == words


events = st.sampled_from(["kill", "down", "up", "empty", "restart", "link 0", "link 1", "link 2", "put", "put", "put"])
steps = st.lists(st.tuples(events, st.floats(0, 4)), max_size=30)
clocks = st.lists(st.sampled_from([0.0, -HOUR_S, HOUR_S]), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(clocks, steps)
def test_whatever_happens(clocks_s: list[float], stream: list[tuple[str, float]]) -> None:
    """After any deaths, faults and wrong clocks no seq goes back, one leads, and all symbols are current."""

    async def main() -> None:
        bus = ScriptedBus()
        pollers = Pollers(bus, *clocks_s)
        alive, newest = [0, 1, 2], {"A1": 0, "B1": 0, "C1": 0}
        pollers.put_marks(*newest.items())
        for mark, (event, pause_s) in enumerate(stream):
            match event.split():
                case ["kill"] if len(alive) > 1:
                    # The leader, if there is one.
                    number = (pollers.leading or alive)[0]
                    alive.remove(number)
                    await pollers.kill(number)
                case ["down" | "up"]:
                    bus.up = event == "up"
                case ["empty" | "restart"] if bus.up:
                    # Nobody can go on above what it had no time to see.
                    await asyncio.sleep(10)
                    bus.lose_everything()
                    bus.up = event == "empty"
                case ["link", number]:
                    pollers.links[int(number)] = DOWN if pollers.links[int(number)] is UP else UP
                case ["put"]:
                    symbol = ("A1", "B1", "C1")[mark % 3]
                    newest[symbol] = mark
                    pollers.put_marks((symbol, mark))
            await asyncio.sleep(pause_s)
        bus.up = True
        await asyncio.sleep(5)
        assert 1 == len(pollers.leading)
        held = {symbol: decode_tick(payload).recv_us for symbol, payload in (await last_ticks(bus.last_values)).items()}
        assert newest == held
        await pollers.stop(*alive)
        assert_seqs_grow(bus)

    run_virtual(main())


@asynccontextmanager
async def on_valkey(url: str) -> AsyncIterator[MarkingPublisher]:
    """A publisher on the real bus at ``url``."""
    bus = open_bus(url)
    subject = MarkingPublisher(bus)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(subject.run())
        await subject.room()
        yield subject
        subject.stop()
    await bus.aclose()


async def test_real_bus_in_order(valkey: Valkey) -> None:
    """Ten thousand ticks put at once all arrive from a real server, in order, and the final heartbeat last."""
    receiver = RecordingReceiver()
    listening = open_bus(valkey.url)
    link = await listen(listening, ["A1"], receiver)
    async with on_valkey(valkey.url) as subject:
        subject.put_marks(*marks(10_000))
    await receiver.until(lambda received: b"the poller was stopped" in received[-1][1])
    assert list(range(10_000)) == [decode_tick(its).recv_us for symbol, its in receiver.received if symbol == "A1"]
    assert "down" == decode_heartbeat(receiver.received[-1][1]).link
    link.close()
    await listening.aclose()


async def test_real_bus_comes_back_empty(valkey: Valkey) -> None:
    """A server that was killed and comes back empty soon holds the newest tick of every symbol again."""
    async with on_valkey(valkey.url) as subject:
        subject.put_marks(("A1", 1), ("B1", 1))
        await until(lambda: subject.published >= 2, 2)
        valkey.stop()
        subject.put_marks(("A1", 2))
        await until(lambda: subject.failures, 2)
        subject.put_marks(("A1", 3))
        valkey.start()
        await until(lambda: subject.published >= 3, 3)
        values = {symbol: decode_tick(payload).recv_us for symbol, payload in valkey.last_values().items()}
        assert {b"A1": 3, b"B1": 1} == values


async def test_real_bus_frozen(valkey: Valkey) -> None:
    """A frozen server stops nothing, and when it thaws and works off old commands the newest values win."""
    async with on_valkey(valkey.url) as subject:
        subject.put_marks(*((f"S{number}", 1) for number in range(100)))
        await until(lambda: subject.published >= 100, 2)
        with valkey.frozen():
            subject.put_marks(*((f"S{number}", 2) for number in range(100)))
            await until(lambda: subject.failures, 3)
            subject.put_marks(*((f"S{number}", 3) for number in range(100)))
        heartbeats = subject.heartbeats
        await until(lambda: subject.heartbeats >= heartbeats + 2, 5)
        assert {3} == {decode_tick(payload).recv_us for payload in valkey.last_values().values()}
        assert 100 == len(valkey.last_values())


def test_a_busy_feed_publishes_once_in_a_millisecond() -> None:
    """Ten ticks each 0.2 ms go out once in a millisecond, all of them in order; a quiet feed's go out at once."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            for number in range(5_000):
                subject.put_marks(("A1", number))
                if number % 10 == 9:
                    await asyncio.sleep(0.0002)
            busy = len(bus.calls)
            await asyncio.sleep(1)
            assert list(range(5_000)) == [
                sent.recv_us for _, call in bus.calls for sent in call if isinstance(sent, Tick)
            ]
            assert 100 < busy < 170
            for number in range(5_000, 5_020):
                calls = len(bus.calls)
                subject.put_marks(("A1", number))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert len(bus.calls) > calls
                await asyncio.sleep(0.01)

    run_virtual(main())


def figures(symbol: str, last: str) -> Stats:
    """Figures of 24 hours."""
    return Stats(symbol=symbol, ts_us=1, last=last)


async def kept_figures(bus: ScriptedBus) -> dict[str, object]:
    """Symbol → its last price in the figures that the bus has."""
    return {symbol: decode_stats(its).last for symbol, its in (await last_stats(bus, SYMBOLS)).items()}


def test_figures_are_published_between_ticks() -> None:
    """Also while no tick comes; those of many symbols go together, and ticks do not wait for them."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            for symbol in SYMBOLS:
                subject.slow_topics.put(figures(symbol, "1.0"))
            before = len(bus.attempts)
            await asyncio.sleep(0.3)
            assert dict.fromkeys(SYMBOLS, "1.0") == await kept_figures(bus)
            assert len(bus.attempts) <= before + 1
            subject.put_marks(("A1", 1))
            subject.slow_topics.put(figures("A1", "2.0"))
            await asyncio.sleep(1.5)
            assert "2.0" == (await kept_figures(bus))["A1"]
        assert [("A1", 1)] == bus.ticks

    run_virtual(main())


def test_a_bus_that_refuses_figures_gets_ticks_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """A user that may not write these topics publishes prices as before, and says once what is not published."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.refuses = "stats."
        async with running(bus) as subject:
            for mark in range(50):
                subject.put_marks(("A1", mark))
                subject.slow_topics.put(figures("A1", f"{mark}.0"))
                await asyncio.sleep(0.1)
            assert subject.leading
            assert {} == await kept_figures(bus)
            bus.refuses = ""
            await asyncio.sleep(5)
            assert {"A1": "49.0"} == await kept_figures(bus)
        assert marks(50) == bus.ticks
        assert 0 == subject.failures

    run_virtual(main())
    assert 1 == sum("NOPERM" in record.message for record in caplog.records)


def test_a_new_leader_publishes_all_its_figures() -> None:
    """Those of the leader before are replaced at once, and a bus that has come back empty gets them again."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            subject.slow_topics.put(figures("A1", "1.0"))
            subject.slow_topics.put(figures("B1", "1.0"))
            await asyncio.sleep(0.5)
            bus.up = False
            subject.put_marks(("A1", 1))
            await asyncio.sleep(0.5)
            subject.slow_topics.put(figures("A1", "2.0"))
            bus.lose_everything()
            bus.up = True
            await asyncio.sleep(3)
            assert {"A1": "2.0", "B1": "1.0"} == await kept_figures(bus)
        async with running(bus) as successor:
            successor.slow_topics.put(figures("A1", "3.0"))
            await asyncio.sleep(3)
            # Of a symbol of which it knows nothing yet, the others' stay.
            assert {"A1": "3.0", "B1": "1.0"} == await kept_figures(bus)

    run_virtual(main())
