"""Ticks and beats onto a bus that fails as told, on virtual time, and onto a real one that dies and freezes."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from market.bus import BusDownError, open_bus
from market.codec import decode_beat, decode_tick
from market.status import Beat
from market.tick import Tick
from poller import publisher
from poller.publisher import Publisher
from poller.sources import LinkState
from tests.fakes import run_virtual
from tests.market.bus.receivers import RecordingReceiver
from tests.market.samples import tick
from tests.valkey import Valkey
from tests.waiting import until

UP = LinkState("simulated", "up", "", 5)
Sent = Tick | Beat


class ScriptedBus:
    """A bus that takes ``latency_s`` for a publish, and is up or down as the test says."""

    name = "scripted"

    def __init__(self) -> None:
        self.calls: list[tuple[float, list[Sent]]] = []
        """When each publish was taken, by the loop's time, and what was in it."""
        self.attempts: list[float] = []
        self.latency_s = 0.0
        self.up = True

    async def publish(self, ticks: Sequence[Tick], beat: Beat | None = None) -> None:
        time = asyncio.get_running_loop().time
        self.attempts.append(time())
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if not self.up:
            raise BusDownError("scripted")
        self.calls.append((time(), [*ticks, *([beat] if beat else [])]))

    @property
    def ticks(self) -> list[tuple[str, int]]:
        """Symbol and seq of every tick taken, in order."""
        return [(its.symbol, its.seq) for _, call in self.calls for its in call if isinstance(its, Tick)]

    @property
    def beats(self) -> list[tuple[float, Beat]]:
        """Every beat taken, and when."""
        return [(time, its) for time, call in self.calls for its in call if isinstance(its, Beat)]


@asynccontextmanager
async def running(bus: ScriptedBus, state: Callable[[], LinkState] = lambda: UP) -> AsyncIterator[Publisher]:
    """A publisher on ``bus`` that runs within the block, and is then stopped cleanly."""
    loop = asyncio.get_running_loop()
    subject = Publisher(bus, state, now_us=lambda: round(loop.time() * 1e6), rng=random.Random(1))  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(subject.run())
        await asyncio.sleep(0.1)
        yield subject
        subject.stop()


def seqs(count: int, symbol: str = "A1", start: int = 0) -> list[tuple[str, int]]:
    """Symbol and seq of ``count`` ticks."""
    return [(symbol, seq) for seq in range(start, start + count)]


def put(subject: Publisher, *marks: tuple[str, int]) -> None:
    """Put a tick of each symbol and seq."""
    for symbol, seq in marks:
        subject.put(tick(symbol, seq))


def test_all_in_order() -> None:
    """Every tick goes out, in order, when thousands are put at once and when they come one by one."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.latency_s = 0.003
        async with running(bus) as subject:
            put(subject, *seqs(10_000))
            for seq in range(10_000, 10_100):
                put(subject, ("A1", seq))
                await asyncio.sleep(0.001)
        assert seqs(10_100) == bus.ticks
        assert (10_100, 0, 0, 0) == (subject.published, subject.conflated, subject.failures, subject.waiting)
        assert max(len(call) for _, call in bus.calls) <= publisher.MAX_BATCH + 1

    run_virtual(main())


def test_natural_batches() -> None:
    """A tick on its own goes at once; what comes while a publish is under way goes together in the next."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.calls.clear()
            bus.latency_s = 0.0104
            for seq in range(31):
                put(subject, ("A1", seq))
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.1)
            assert [1, 10, 10, 10] == [len(call) for _, call in bus.calls]

    run_virtual(main())


def test_beat_each_second() -> None:
    """A beat goes out at the start and each second, from what the source says then."""

    async def main() -> None:
        bus = ScriptedBus()
        states = [UP]
        async with running(bus, lambda: states[-1]):
            await asyncio.sleep(0.8)
            states.append(LinkState("simulated", "up", "x" * 300, 7))
            await asyncio.sleep(1.7)
        assert [0, 1, 2] == [time for time, _ in bus.beats[:3]]
        assert ["", "x" * 200] == [beat.reason for _, beat in bus.beats[:2]]
        expected = Beat(source="simulated", link="up", reason="x" * 200, since_us=7, sent_us=2_000_000)
        assert expected == bus.beats[2][1]

    run_virtual(main())


def test_beat_of_a_changed_link() -> None:
    """When the link changes, the first tick after that is followed by a beat at once; the seconds stay as they were."""

    async def main() -> None:
        bus = ScriptedBus()
        states = [LinkState("binance-ws", "down", "starting", 1)]
        async with running(bus, lambda: states[-1]) as subject:
            states.append(LinkState("binance-ws", "up", "", 2))
            await asyncio.sleep(0.3)
            for seq in range(10):
                put(subject, ("A1", seq))
                await asyncio.sleep(0.01)
            await asyncio.sleep(1)
        assert pytest.approx([0, 0.4, 1]) == [time for time, _ in bus.beats[:3]]
        assert ["down", "up", "up"] == [beat.link for _, beat in bus.beats[:3]]

    run_virtual(main())


def test_beat_follows_what_waits() -> None:
    """A due beat goes after every tick that was put before it, and is not put off by those put later."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.calls.clear()
            bus.latency_s = 0.05
            await asyncio.sleep(0.85)
            put(subject, *seqs(4_500))
            for start in range(4_500, 40_000, 50):
                put(subject, *seqs(50, start=start))
                await asyncio.sleep(0.002)
            stream = [its for _, call in bus.calls for its in call]
        first = next(index for index, its in enumerate(stream) if isinstance(its, Beat))
        assert 4_500 <= first < 4_500 + 5_000
        assert seqs(40_000) == bus.ticks

    run_virtual(main())


def test_beats_go_on_under_load() -> None:
    """However many ticks keep waiting, no three seconds pass without a beat."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.latency_s = 0.1
        async with running(bus) as subject:
            for start in range(0, 100_000, 500):
                put(subject, *seqs(500, start=start))
                await asyncio.sleep(0.05)
        times = [time for time, _ in bus.beats]
        assert max(later - earlier for earlier, later in pairwise(times)) < 2
        assert seqs(100_000) == bus.ticks

    run_virtual(main())


def test_bound() -> None:
    """Past its bound, what waits collapses to the newest of each symbol, and the rest is counted."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.latency_s = 0.01
            put(subject, *seqs(publisher.MAX_WAITING - 1), ("B1", 7), ("A1", 999_999))
            assert 2 == subject.waiting
            assert publisher.MAX_WAITING - 1 == subject.conflated
            put(subject, ("B1", 8))
        assert [("A1", 999_999), ("B1", 7), ("B1", 8)] == bus.ticks

    run_virtual(main())


def test_outage() -> None:
    """While the bus is down one tick of each symbol waits; when it is back the newest of every symbol goes."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            put(subject, ("A1", 1), ("B1", 1), ("C1", 1))
            await asyncio.sleep(0.1)
            bus.up = False
            put(subject, *seqs(50, "A1", 2))
            await asyncio.sleep(5)
            put(subject, ("B1", 2), *seqs(50, "A1", 52), ("D1", 1))
            assert 3 == subject.waiting
            await asyncio.sleep(5)
            bus.up = True
            bus.calls.clear()
            await asyncio.sleep(1.2)
            _, call = bus.calls[0]
            back = [its if isinstance(its, Beat) else (its.symbol, its.seq) for its in call]
            assert {("A1", 101), ("B1", 2), ("C1", 1), ("D1", 1)} == set(back[:-1])
            assert isinstance(back[-1], Beat)
            assert (0, 6, 99) == (subject.waiting, subject.published, subject.conflated)
            put(subject, ("A1", 102))
            await asyncio.sleep(0.01)
            assert ("A1", 102) == bus.ticks[-1]

    run_virtual(main())


def test_retries() -> None:
    """A bus that is down is tried again about each second, not in step with others, and never given up."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.up = False
        async with running(bus) as subject:
            for seq in range(1000):
                put(subject, ("A1", seq))
                await asyncio.sleep(0.1)
            gaps = {round(b - a, 3) for a, b in pairwise(bus.attempts)}
            assert 80 < len(bus.attempts) < 125
            assert min(gaps) >= 0.8
            assert max(gaps) <= 1.2
            assert len(gaps) > 50
            assert len(bus.attempts) == subject.failures

    run_virtual(main())


def test_repeat_after_an_outage() -> None:
    """One beat after an outage everything goes out once more: a frozen server may have put older values over it."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            put(subject, ("A1", 1), ("B1", 1))
            await asyncio.sleep(0.1)
            bus.up = False
            put(subject, ("A1", 2))
            await asyncio.sleep(2)
            bus.up = True
            bus.calls.clear()
            await asyncio.sleep(5)
            assert [("A1", 2), ("B1", 1)] * 2 == bus.ticks
            assert 3 == subject.published

    run_virtual(main())


def test_repeat_keeps_every_tick() -> None:
    """What waits when everything is repeated still goes out in whole and in order."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            put(subject, ("A1", 1), ("B1", 1))
            bus.up = False
            await asyncio.sleep(2)
            bus.up = True
            await until(lambda: bus.calls[1:])
            bus.calls.clear()
            bus.latency_s = 0.4
            for seq in range(2, 40):
                put(subject, ("A1", seq))
                await asyncio.sleep(0.05)
            await asyncio.sleep(2)
        assert seqs(38, "A1", 2) == [mark for mark in bus.ticks if mark[0] == "A1"]
        assert [("B1", 1)] == [mark for mark in bus.ticks if mark[0] == "B1"]

    run_virtual(main())


def test_ticks_put_during_the_first_answer() -> None:
    """What is put while the first publish after an outage is under way goes out next."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.up = False
        async with running(bus) as subject:
            put(subject, ("A1", 1))
            bus.latency_s = 0.5
            attempts = len(bus.attempts)
            await until(lambda: len(bus.attempts) > attempts)
            bus.up = True
            put(subject, ("A1", 2), ("B1", 1))
            await asyncio.sleep(1.1)
            assert [("A1", 1), ("A1", 2), ("B1", 1)] == bus.ticks

    run_virtual(main())


def test_outage_is_logged_at_its_start_and_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """A long outage makes two lines in the log."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.up = False
            for seq in range(300):
                put(subject, ("A1", seq))
                await asyncio.sleep(0.1)
            bus.up = True
            await asyncio.sleep(3)

    caplog.set_level(logging.DEBUG, "poller")
    run_virtual(main())
    assert ["is down (scripted)", "is back after"] == [
        next(words for words in ("is down (scripted)", "is back after") if words in record.getMessage())
        for record in caplog.records
    ]


def test_stop() -> None:
    """A clean stop sends what waits, and then a last beat that says why no more will come."""

    async def main() -> None:
        bus = ScriptedBus()
        async with running(bus) as subject:
            bus.calls.clear()
            bus.latency_s = 0.01
            put(subject, *seqs(3_500))
        assert seqs(3_500) == bus.ticks
        last = bus.calls[-1][1][-1]
        assert isinstance(last, Beat)
        now_us = last.sent_us
        stopped = "the poller was stopped"
        assert Beat(source="simulated", link="down", reason=stopped, since_us=now_us, sent_us=now_us) == last

    run_virtual(main())


@pytest.mark.parametrize("up_again", [True, False])
def test_stop_in_an_outage(up_again: bool) -> None:
    """A stop while the bus is down tries once more, and ends whether that works or not."""

    async def main() -> None:
        bus = ScriptedBus()
        bus.up = False
        async with running(bus) as subject:
            put(subject, ("A1", 1))
            bus.up = up_again
        assert ([("A1", 1)] if up_again else []) == bus.ticks
        assert 2 == len(bus.attempts)
        assert ["the poller was stopped"] * up_again == [beat.reason for _, beat in bus.beats]

    run_virtual(main())


def test_room() -> None:
    """There is room once the bus took a beat, none while it is down or much waits."""

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
            put(subject, *seqs(5_000))
            before = asyncio.get_running_loop().time()
            await subject.room()
            assert 0.3 < asyncio.get_running_loop().time() - before < 0.6

    run_virtual(main())


@asynccontextmanager
async def on_valkey(url: str) -> AsyncIterator[Publisher]:
    """A publisher on the real bus at ``url``."""
    bus = open_bus(url)
    subject = Publisher(bus, lambda: UP, now_us=lambda: 1, rng=random.Random(1))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(subject.run())
        await subject.room()
        yield subject
        subject.stop()
    await bus.aclose()


async def test_real_bus_in_order(valkey: Valkey) -> None:
    """Ten thousand ticks put at once all arrive from a real server, in order, and the farewell last."""
    receiver = RecordingReceiver()
    listening = open_bus(valkey.url)
    link = await listening.subscribe(["A1"], receiver)
    async with on_valkey(valkey.url) as subject:
        put(subject, *seqs(10_000))
    await receiver.until(lambda received: b"the poller was stopped" in received[-1][1])
    assert list(range(10_000)) == [decode_tick(its).seq for symbol, its in receiver.received if symbol == "A1"]
    assert "down" == decode_beat(receiver.received[-1][1]).link
    link.close()
    await listening.aclose()


async def test_real_bus_comes_back_empty(valkey: Valkey) -> None:
    """A server that was killed and comes back empty soon holds the newest tick of every symbol again."""
    async with on_valkey(valkey.url) as subject:
        put(subject, ("A1", 1), ("B1", 1))
        await until(lambda: subject.published >= 2, 2)
        valkey.stop()
        put(subject, ("A1", 2))
        await until(lambda: subject.failures, 2)
        put(subject, ("A1", 3))
        valkey.start()
        await until(lambda: subject.published >= 3, 3)
        values = {symbol: decode_tick(payload).seq for symbol, payload in valkey.last_values().items()}
        assert {b"A1": 3, b"B1": 1} == values


async def test_real_bus_frozen(valkey: Valkey) -> None:
    """A frozen server stops nothing, and when it thaws and works off old commands the newest values win."""
    async with on_valkey(valkey.url) as subject:
        put(subject, *((f"S{number}", 1) for number in range(100)))
        await until(lambda: subject.published >= 100, 2)
        with valkey.frozen():
            put(subject, *((f"S{number}", 2) for number in range(100)))
            await until(lambda: subject.failures, 3)
            put(subject, *((f"S{number}", 3) for number in range(100)))
        beats = subject.beats
        await until(lambda: subject.beats >= beats + 2, 5)
        assert {3} == {decode_tick(payload).seq for payload in valkey.last_values().values()}
        assert 100 == len(valkey.last_values())
