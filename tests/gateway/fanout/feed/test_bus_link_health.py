"""When a live link is replaced, on a virtual clock. `test_feed` has the clients' view."""

import asyncio
import random
from collections.abc import Iterable
from functools import partial

from gateway.fanout.feed.bus_link_health import BusLinkHealth
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick
from market.bus import BusDownError
from market.bus.memory import MemoryBus
from market.prices.symbols import parse_symbols
from market.wire.topics import last_ticks
from tests.fakes import run_virtual, tick
from tests.market.bus.using import publish


def _always(heartbeat_at: float, _symbol: str | None) -> float:
    return heartbeat_at


class SlowBus(MemoryBus):
    """Its store answers after some time, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answer_s = 0.0
        self.down = False

    async def read(self, topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
        self.asked += 1
        await asyncio.sleep(self.answer_s)
        if self.down:
            raise BusDownError("scripted")
        return await super().read(topics, max_bytes=max_bytes)


class Setup:
    """A feed on a bus that may be slow, and what it holds."""

    def __init__(self) -> None:
        self.bus = SlowBus()
        self.counters = Counters()
        self.last: dict[str, FramedTick] = {}
        self.loop = asyncio.get_running_loop()
        self.health = BusLinkHealth(
            self.bus,
            parse_symbols("AAA,BBB"),
            self.last,
            lambda _: "live",
            lambda: 10_000,
            self.counters,
            random.Random(1),
        )
        self.health.bus_link_up(self.loop.time())

    async def watch(self, seconds: float, *, alive: bool = True) -> list[str]:
        """Check four times a second; return why the link should be replaced."""
        reasons = []
        for _ in range(round(4 * seconds)):
            now = self.loop.time()
            heartbeat_at = {True: now, False: 0.0}[alive]
            reasons.append(self.health.judge(now, partial(_always, heartbeat_at), alive=alive))
            await asyncio.sleep(0.25)
        return list(filter(None, reasons))


def test_the_last_values_are_no_sign_of_life() -> None:
    """The last values that a new link reads itself do not make it useful."""

    async def main() -> None:
        setup = Setup()
        for _ in range(3):
            assert [] == await setup.watch(9.5, alive=False)
            [reason] = await setup.watch(3, alive=False)
            assert "neither tick nor heartbeat" in reason
            setup.counters.ticks_old += 2
            setup.health.bus_link_up(setup.loop.time())
            # Twice as long from here on, until something comes.
            assert [] == await setup.watch(19, alive=False)
            setup.counters.ticks_received += 1
            assert [] == await setup.watch(1, alive=False)
        assert {"silent": 3} == setup.counters.bus_links_faulty

    run_virtual(main())


def test_one_question_at_a_time_and_none_where_no_heartbeats_come() -> None:
    """A slow or absent store is not asked more often, and is no fault of the link."""

    async def main() -> None:
        setup = Setup()
        await setup.watch(9, alive=False)
        assert 0 == setup.bus.asked
        await publish(setup.bus, [tick("AAA", 5)])
        setup.bus.answer_s = 10
        await setup.watch(5)
        assert 1 == setup.bus.asked
        setup.health.bus_link_down()
        setup.bus.answer_s, setup.bus.down = 0, True
        assert [] == await setup.watch(30)
        assert setup.bus.asked > 8
        setup.bus.down = False
        assert ["heartbeats come, and ticks that the store has do not"] == await setup.watch(7)
        assert {"ticks_lost": 1} == setup.counters.bus_links_faulty

    run_virtual(main())


def test_ticks_are_counted_as_missed_only_by_a_link_that_was_faulty() -> None:
    """Ticks missed in an outage of the whole bus do not count as missed by a link."""

    async def main() -> None:
        setup = Setup()
        await publish(setup.bus, [tick("AAA", 5)])
        setup.health.count_missed(await last_ticks(setup.bus.last_values))
        assert 0 == setup.counters.ticks_missed
        assert 1 == len(await setup.watch(7))
        setup.health.count_missed(await last_ticks(setup.bus.last_values))
        assert 6 == setup.counters.ticks_missed

    run_virtual(main())


def test_a_link_is_replaced_because_somebody_else_wants_it() -> None:
    """Once, and not the one after it."""

    async def scene() -> None:
        setup = Setup()
        setup.health.replace("stale here alone")
        assert ["stale here alone"] == [reason for reason in await setup.watch(1) if reason]
        assert 1 == setup.counters.bus_links_faulty["behind"]
        setup.health.replace("stale here alone")
        setup.health.bus_link_up(setup.loop.time())
        assert [] == [reason for reason in await setup.watch(1) if reason]

    run_virtual(scene())
