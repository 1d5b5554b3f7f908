"""What the gateway makes of the bus, and what it says of it; on a virtual clock."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.feed import BEHIND, Feed
from gateway.frames import FramedTick
from gateway.metrics import Counters
from gateway.protocol import Status
from market.bus import BusDownError, Receiver
from market.bus.memory import MemoryBus, MemoryLink
from market.codec import encode_tick
from market.status import Beat
from market.symbols import parse_symbols
from market.tick import Tick
from tests.fakes import run_virtual, tick


class FragileLink(MemoryLink):
    """Alive only while its bus answers pings."""

    bus: "FragileBus"

    def ping(self) -> None:
        if not self.bus.frozen:
            super().ping()


class FragileBus(MemoryBus):
    """A memory bus that can be stopped (nothing connects, links break) or frozen (silence, no error)."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = self.frozen = False
        self.full = False
        """Whether it takes no connection more, and keeps those it has."""
        self.slow_s = 0.0
        """How long it takes to take one."""
        self.attempts = 0

    def stop(self) -> None:
        self.stopped = True
        for link in tuple(self._links):
            self._links.discard(link)
            link.lost.set_result("connection reset by secret.internal:6379")

    async def publish(self, ticks: Sequence[Tick], beat: Beat | None = None) -> None:
        if not (self.stopped or self.frozen):
            await super().publish(ticks, beat)

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> MemoryLink:
        self.attempts += 1
        if self.frozen:
            await asyncio.sleep(2)
        await asyncio.sleep(self.slow_s)
        if self.stopped or self.frozen or self.full:
            raise BusDownError("Error 111 connecting to secret.internal:6379")
        link = FragileLink(self._links, frozenset(symbols), receiver)
        link.bus = self
        self._links.add(link)
        return link


class Setup:
    """A running feed, and everything it passed on, in order."""

    def __init__(self) -> None:
        self.bus = FragileBus()
        self.last: dict[str, FramedTick] = {}
        self.counters = Counters()
        self.heard: list[FramedTick | Status] = []
        self.loop = asyncio.get_running_loop()
        self.feed = Feed(
            self.bus,
            parse_symbols("BTCUSDT,ETHUSDT"),
            self.last,
            self.heard.append,
            self.heard.append,
            self.counters,
            now_us=self.now_us,
            rng=random.Random(1),
        )

    def now_us(self) -> int:
        return round(self.loop.time() * 1_000_000)

    async def beat(self, link: str = "up", reason: str = "", source: str = "simulated") -> None:
        now = self.now_us()
        await self.bus.publish([], Beat(source=source, link=link, reason=reason, since_us=now, sent_us=now))

    async def poll(self, seconds: float) -> None:
        """A healthy poller for so long."""
        for _ in range(round(seconds)):
            await self.beat()
            await asyncio.sleep(1)

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [(heard.feed, heard.reason) for heard in self.heard if isinstance(heard, Status)]


@asynccontextmanager
async def running() -> AsyncIterator[Setup]:
    setup = Setup()
    run = asyncio.create_task(setup.feed.run())
    await asyncio.sleep(0.1)
    try:
        yield setup
    finally:
        run.cancel()


def test_ticks_pass_and_become_last_values() -> None:
    """A newer tick is kept and passed on; an older or repeated one is neither."""

    async def main() -> None:
        async with running() as setup:
            for seq in (1, 3, 3, 2, 4):
                await setup.bus.publish([tick(seq=seq)])
            passed = [heard.seq for heard in setup.heard if isinstance(heard, FramedTick)]
            assert [1, 3, 4] == passed
            assert 4 == setup.last["BTCUSDT"].seq
            assert (3, 2) == (setup.counters.ticks_received, setup.counters.ticks_old)

    run_virtual(main())


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"hello", "not_a_tick"),
        (b'{"symbol":"BTCUSDT"}', "not_a_tick"),
        (encode_tick(tick()).replace(b'"seq":1', b'"seq":1.5'), "not_a_tick"),
        (encode_tick(tick()).replace(b'"bid":10', b'"bid":9007199254740992'), "not_a_tick"),
        (encode_tick(tick("ETHUSDT")), "wrong_symbol"),
    ],
)
def test_what_is_not_a_tick_is_counted_and_passed_over(payload: bytes, reason: str) -> None:
    """A bad bus message changes nothing, and the next good one passes."""

    async def main() -> None:
        async with running() as setup:
            setup.feed.tick_received("BTCUSDT", payload)
            setup.feed.tick_received("BTCUSDT", encode_tick(tick(seq=5)))
            assert {reason: 1} == setup.counters.bus_refused
            assert [5] == [heard.seq for heard in setup.heard if isinstance(heard, FramedTick)]

    run_virtual(main())


def test_a_symbol_nobody_knows_is_counted_and_passed_over() -> None:
    """A tick for a symbol outside SYMBOLS is not kept, even when it is among the last values."""

    async def main() -> None:
        async with running() as setup:
            setup.feed.tick_received("DOGEUSDT", encode_tick(tick("DOGEUSDT")))
            assert {"unknown_symbol": 1} == setup.counters.bus_refused
            assert {} == setup.last

    run_virtual(main())


def test_a_poller_that_numbers_below_what_was_heard_is_told() -> None:
    """Where every tick is older than the one held, clients are not left with `live` and no prices."""

    async def main() -> None:
        async with running() as setup:
            setup.feed.tick_received("BTCUSDT", encode_tick(tick(seq=1000)))
            for seq in range(5):
                setup.feed.tick_received("BTCUSDT", encode_tick(tick(seq=seq)))
                await setup.poll(1)
            assert [("live", ""), ("stale", BEHIND)] == setup.statuses
            assert 4_000_000 >= setup.heard[-1].since_us
            setup.feed.tick_received("BTCUSDT", encode_tick(tick(seq=1001)))
            await setup.poll(1)
            setup.feed.tick_received("BTCUSDT", encode_tick(tick(seq=1001)))
            await setup.poll(5)
            assert [("live", ""), ("stale", BEHIND), ("live", "")] == setup.statuses

    run_virtual(main())


def test_prices_are_live_with_the_first_beat() -> None:
    """Before a beat clients are told stale; the first beat makes it live, with its source."""

    async def main() -> None:
        async with running() as setup:
            assert "stale" == setup.feed.status.feed
            assert setup.feed.ready
            await setup.beat(source="replay")
            assert ("live", "replay") == (setup.feed.status.feed, setup.feed.status.source)
            await setup.beat(source="replay")
            assert [("live", "")] == setup.statuses

    run_virtual(main())


def test_a_silent_poller_makes_prices_stale_within_four_seconds_and_leaves_the_link() -> None:
    """Three seconds without a beat are told once; the next beat ends it; the bus link is not touched."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5)
            await asyncio.sleep(3)
            assert [("live", ""), ("stale", "the poller is silent")] == setup.statuses
            last_beat_us = 4_100_000
            assert last_beat_us == setup.feed.status.since_us
            await asyncio.sleep(60)
            await setup.beat()
            assert ("live", "") == setup.statuses[-1]
            assert 3 == len(setup.statuses)
            assert 1 == setup.bus.attempts

    run_virtual(main())


def test_a_bad_beat_does_not_count_as_one() -> None:
    """What is not a beat keeps nobody live."""

    async def main() -> None:
        async with running() as setup:
            await setup.beat()
            for _ in range(5):
                setup.feed.beat_received(b'{"link":"up"}')
                await asyncio.sleep(1)
            assert "stale" == setup.feed.status.feed
            assert {"not_a_beat": 5} == setup.counters.bus_refused

    run_virtual(main())


def test_a_beat_that_says_down_is_passed_on_with_its_reason() -> None:
    """The poller lives but does not hear the exchange: stale, in the poller's words, since it says."""

    async def main() -> None:
        async with running() as setup:
            await setup.beat()
            await asyncio.sleep(1)
            await setup.beat("down", "banned until 12:00")
            assert ("stale", "banned until 12:00") == setup.statuses[-1]
            assert 1_100_000 == setup.feed.status.since_us

    run_virtual(main())


def test_a_change_of_source_is_told() -> None:
    """Falling back from the stream to REST is news though prices stay live."""

    async def main() -> None:
        async with running() as setup:
            await setup.beat(source="binance-ws")
            since_us = setup.feed.status.since_us
            await asyncio.sleep(1)
            await setup.beat(source="binance-rest", reason="the stream is down")
            assert [("live", ""), ("live", "the stream is down")] == setup.statuses
            assert since_us == setup.feed.status.since_us

    run_virtual(main())


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_a_lost_bus_is_told_within_four_seconds_and_recovered_within_five(fault: str) -> None:
    """Clients hear stale, without any address; after the return the changed prices come before live."""

    async def main() -> None:
        async with running() as setup:
            await setup.bus.publish([tick(seq=1)])
            await setup.poll(3)
            if fault == "stopped":
                setup.bus.stop()
            else:
                setup.bus.frozen = True
            await asyncio.sleep(4)
            assert ("stale", "no link to the bus") == setup.statuses[-1]
            await asyncio.sleep(60)
            assert {("stale", "no link to the bus"), ("stale", "the poller is silent")} >= set(setup.statuses[1:])
            assert setup.bus.attempts > 10
            setup.bus.stopped = setup.bus.frozen = False
            # Published while nobody listens: only the last values tell of it.
            await setup.bus.publish([tick(seq=2)])
            await setup.poll(5)
            newest, live = setup.heard[-2:]
            assert isinstance(newest, FramedTick)
            assert 2 == newest.seq
            assert live is setup.feed.status
            assert "live" == live.feed

    run_virtual(main())


def test_a_beat_from_before_the_outage_proves_nothing() -> None:
    """After a short break prices are live only once a beat came over the new link."""

    async def main() -> None:
        async with running() as setup:
            await setup.beat()
            setup.bus.stop()
            setup.bus.stopped = False
            await asyncio.sleep(3.2)
            assert 2 == setup.bus.attempts
            assert "stale" == setup.feed.status.feed
            await setup.beat()
            assert "live" == setup.feed.status.feed

    run_virtual(main())


def test_a_seq_that_is_no_time_is_not_believed() -> None:
    """After it every tick of the symbol would be old."""

    async def main() -> None:
        async with running() as setup:
            await setup.bus.publish([tick(seq=2**53 - 1, bid=1, ask=2, recv_us=1), tick(seq=5)])
            assert 5 == setup.last["BTCUSDT"].seq
            assert {"wrong_seq": 1} == setup.counters.bus_refused

    run_virtual(main())


def test_what_the_store_has_of_other_symbols_is_no_fault() -> None:
    """A gateway may serve a part of what the poller sends."""

    async def main() -> None:
        setup = Setup()
        await setup.bus.publish([tick("XRPUSDT", 1), tick("BTCUSDT", 1)])
        run = asyncio.create_task(setup.feed.run())
        await asyncio.sleep(1)
        assert ["BTCUSDT"] == list(setup.last)
        assert {} == dict(setup.counters.bus_refused)
        run.cancel()

    run_virtual(main())


def test_a_lost_link_is_made_anew_at_once() -> None:
    """The bus may only have thrown this one link out."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5)
            setup.bus.stop()
            setup.bus.stopped = False
            await asyncio.sleep(0.6)
            assert 2 == setup.bus.attempts

    run_virtual(main())


def test_a_bus_that_ends_links_as_they_are_made_is_asked_every_few_seconds() -> None:
    """Many gateways that all came back at once, again and again, would be a flood."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5)
            for _ in range(120):
                await asyncio.sleep(0.25)
                setup.bus.stop()
                setup.bus.stopped = False
            # Of thirty seconds.
            assert 10 <= setup.bus.attempts <= 20

    run_virtual(main())


def test_an_unready_gateway_becomes_ready_when_the_bus_comes() -> None:
    """Until the last values were read once, a snapshot would mean nothing."""

    async def main() -> None:
        setup = Setup()
        setup.bus.stopped = True
        run = asyncio.create_task(setup.feed.run())
        await asyncio.sleep(10)
        assert not setup.feed.ready
        setup.bus.stopped = False
        await asyncio.sleep(3.2)
        assert setup.feed.ready
        setup.bus.stop()
        await asyncio.sleep(10)
        assert setup.feed.ready
        run.cancel()

    run_virtual(main())


def test_other_symbols_are_heard_over_a_new_link_and_nothing_is_missed_meanwhile() -> None:
    """What stays comes without a gap while the new link is made, what is new with its last value; prices stay live."""

    async def main() -> None:
        async with running() as setup:
            await setup.bus.publish([tick("XRPUSDT", 7), tick("ETHUSDT", 1)])
            await setup.poll(1)
            setup.bus.slow_s = 1.5
            setup.feed.serve(parse_symbols("BTCUSDT,XRPUSDT"))
            for seq in range(1, 30):
                await setup.bus.publish([tick("BTCUSDT", seq), tick("ETHUSDT", 1 + seq)])
                await setup.beat()
                await asyncio.sleep(0.1)
            await setup.bus.publish([tick("XRPUSDT", 8)])
            heard = [(one.symbol, one.seq) for one in setup.heard if isinstance(one, FramedTick)]
            assert [1, *range(1, 30)] == [seq for symbol, seq in heard if symbol in {"ETHUSDT", "BTCUSDT"}]
            assert [7, 8] == [seq for symbol, seq in heard if symbol == "XRPUSDT"]
            assert {"BTCUSDT", "XRPUSDT"} == set(setup.last)
            assert [("live", "")] == setup.statuses
            assert {} == dict(setup.counters.bus_refused)
            assert 1 == len(setup.bus._links)

    run_virtual(main())


def test_where_no_new_link_can_be_made_the_old_one_is_kept() -> None:
    """A bus that takes no more connections takes nothing away; it is tried again until it does."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(1)
            setup.bus.full = True
            setup.feed.serve(parse_symbols("BTCUSDT,XRPUSDT"))
            for seq in range(1, 6):
                await setup.bus.publish([tick("BTCUSDT", seq), tick("XRPUSDT", seq)])
                await setup.beat()
                await asyncio.sleep(1)
            assert 5 == setup.last["BTCUSDT"].seq
            assert "XRPUSDT" not in setup.last
            setup.bus.full = False
            await setup.poll(2)
            assert 5 == setup.last["XRPUSDT"].seq
            assert [("live", "")] == setup.statuses

    run_virtual(main())


def test_without_a_link_the_next_one_is_of_the_new_symbols() -> None:
    """A change while the bus is away holds when it is back, and the last one of several."""

    async def main() -> None:
        async with running() as setup:
            setup.bus.stop()
            await asyncio.sleep(1)
            setup.feed.serve(parse_symbols("XRPUSDT"))
            setup.feed.serve(parse_symbols("XRPUSDT,SOLUSDT"))
            setup.bus.stopped = False
            await asyncio.sleep(4)
            await setup.bus.publish([tick("BTCUSDT", 1), tick("XRPUSDT", 1), tick("SOLUSDT", 1)])
            assert {"XRPUSDT", "SOLUSDT"} == set(setup.last)
            attempts = setup.bus.attempts
            setup.feed.serve(parse_symbols("SOLUSDT,XRPUSDT"))
            await asyncio.sleep(2)
            # The same symbols in another order are heard already.
            assert attempts == setup.bus.attempts

    run_virtual(main())


def test_a_symbol_that_comes_back_is_as_new() -> None:
    """Its old price is forgotten with it; what the bus holds by then is read again."""

    async def main() -> None:
        async with running() as setup:
            await setup.bus.publish([tick("ETHUSDT", 1)])
            setup.feed.serve(parse_symbols("BTCUSDT"))
            assert {} == setup.last
            await asyncio.sleep(1)
            await setup.bus.publish([tick("ETHUSDT", 2)])
            assert {} == setup.last
            setup.feed.serve(parse_symbols("BTCUSDT,ETHUSDT"))
            await asyncio.sleep(1)
            assert 2 == setup.last["ETHUSDT"].seq
            assert {} == dict(setup.counters.bus_refused)

    run_virtual(main())
