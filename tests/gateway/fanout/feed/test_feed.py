"""The feed: what it passes on and reports; on a virtual clock."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, Literal

import pytest

from gateway.fanout.feed.delivery import LOST
from gateway.fanout.feed.feed import Feed
from gateway.fanout.feed.symbol_states.states import NOT_REPORTED, NOT_SERVED, UNREADABLE
from gateway.fanout.feed.symbol_states.states_by_venue import StatesByVenue
from gateway.fanout.history.ring import open_ring
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedStatus, FramedTick
from gateway.protocol.messages import Status
from market.bus import Batch, BusDownError, Message, Receiver, Token
from market.bus.memory import MemoryBus, MemorySubscription
from market.prices.symbols import parse_symbols
from market.prices.tick import SEQ_AHEAD_MS
from market.process.cadence import Cadence
from market.wire.codec import encode_states, encode_tick
from market.wire.status import Changes, Heartbeat, SymbolStatus
from market.wire.topics import HEARTBEAT, STATES, tick_topic
from tests.fakes import run_virtual, tick
from tests.market.bus.using import publish
from tests.market.samples import states, status


class FragileSubscription(MemorySubscription):
    """A subscription that is alive only while its bus answers pings."""

    bus: "FragileBus"

    def ping(self) -> None:
        if not self.bus.frozen:
            super().ping()

    def deliver(self, messages: Sequence[Message]) -> None:
        lost = {tick_topic(symbol) for symbol in self.bus.lost_channels} | ({HEARTBEAT} if self.bus.mute else set())
        lost |= self.bus.lost_topics
        super().deliver([message for message in messages if message[0] not in lost])


class FragileBus(MemoryBus):
    """A memory bus that can be stopped (nothing connects, links break) or frozen (silence, no error)."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = self.frozen = self.mute = False
        self.full = False
        """Whether it refuses new connections and keeps existing ones."""
        self.slow_s = 0.0
        """The time that a new connection takes."""
        self.unreadable = False
        """Whether it has no last values for those who ask."""
        self.lost_channels: set[str] = set()
        """Symbols whose ticks are stored and never delivered."""
        self.lost_topics: set[str] = set()
        """Topics whose messages are never delivered."""
        self.attempts = 0
        self.attempted_at: list[float] = []
        self.asked: list[list[str]] = []
        """The requests for last values of some symbols."""
        self.states_read = 0
        self.answer_s = 0.0
        """How long the store takes to answer."""

    def stop(self) -> None:
        self.stopped = True
        for link in tuple(self._subscriptions):
            self._subscriptions.discard(link)
            link.lost.set_result("connection reset by secret.internal:6379")

    async def publish(self, batch: Batch, *, token: Token | None = None) -> None:
        if not (self.stopped or self.frozen):
            await super().publish(batch, token=token)

    def spoil(self, symbol: str, payload: bytes) -> None:
        """Store and deliver a payload that is no tick."""
        self.store(symbol, payload)
        self.deliver(symbol, payload)

    def store(self, symbol: str, payload: bytes) -> None:
        """Store a value without publishing it."""
        self._values[tick_topic(symbol)] = payload

    def deliver(self, symbol: str, payload: bytes) -> None:
        """Deliver a payload without storing it."""
        for link in tuple(self._subscriptions):
            link.deliver([(tick_topic(symbol), payload)])

    def spoil_states(self, payload: bytes) -> None:
        self._values[STATES] = payload

    async def read(self, topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
        wanted = list(topics)
        if self.unreadable:
            raise BusDownError("CLUSTERDOWN The cluster is down")
        if wanted == [STATES]:
            self.states_read += 1
            stored = await super().read(wanted, max_bytes=max_bytes)
            await asyncio.sleep(self.answer_s)
            return stored
        self.asked.append([topic.removeprefix("tick.") for topic in wanted])
        return await super().read(wanted, max_bytes=max_bytes)

    async def subscribe(self, topics: Iterable[str], receive: Receiver) -> MemorySubscription:
        self.attempts += 1
        self.attempted_at.append(asyncio.get_running_loop().time())
        if self.frozen:
            await asyncio.sleep(2)
        await asyncio.sleep(self.slow_s)
        if self.stopped or self.frozen or self.full:
            raise BusDownError("Error 111 connecting to secret.internal:6379")
        subscription = FragileSubscription(self._subscriptions, frozenset(topics), receive)
        subscription.bus = self
        self._subscriptions.add(subscription)
        return subscription


class Setup:
    """A running feed, and everything it passed on, in order."""

    def __init__(self, symbols: str = "BTCUSDT,ETHUSDT", bus: FragileBus | None = None) -> None:
        self.bus = bus or FragileBus()
        self.last: dict[str, FramedTick] = {}
        self.counters = Counters()
        self.published: list[FramedTick | Status | FramedStatus] = []
        self.ring = open_ring(1_000_000, self.last)
        self.held = set(parse_symbols(symbols))
        """The topics that somebody holds."""
        self.seq = 0
        self.loop = asyncio.get_running_loop()
        self.states = StatesByVenue(
            parse_symbols(symbols), {}, self.published.extend, self.counters, now_us=self.now_us
        )
        self.feed = Feed(
            self.bus,
            parse_symbols(symbols),
            self.last,
            self.states,
            self.published.append,
            self.published.append,
            self.ring,
            self.counters,
            self.held,
            now_us=self.now_us,
            cadence=Cadence(self.loop.time),
            rng=random.Random(1),
        )

    def now_us(self) -> int:
        return round(self.loop.time() * 1_000_000)

    async def heartbeat(
        self,
        link: Literal["up", "down"] = "up",
        reason: str = "",
        source: str = "simulated",
        venue: str = "binance",
    ) -> None:
        now = self.now_us()
        heartbeat = Heartbeat(source=source, link=link, reason=reason, since_us=now, sent_us=now, venue=venue)
        await publish(self.bus, [], heartbeat)

    async def poll(self, seconds: float, *ticking: str) -> None:
        """A healthy poller for so long, with a tick of each symbol of ``ticking`` once a second."""
        for _ in range(round(seconds)):
            self.seq += 1
            await publish(self.bus, [tick(symbol, self.seq) for symbol in ticking])
            await self.heartbeat()
            await asyncio.sleep(1)

    async def report(self, version: int, *changes: SymbolStatus, since: int | None = None, **kept: Any) -> None:
        """A heartbeat with changes, and the full set in the store where it is ``kept``."""
        now = self.now_us()
        changed = Changes(version=version, since=version - 1 if since is None else since, symbols=list(changes))
        heartbeat = Heartbeat(source="simulated", link="up", since_us=now, sent_us=now, states=changed)
        await publish(self.bus, [], heartbeat, states=states(version, **kept) if kept else None)

    @property
    def state_changes(self) -> list[tuple[str, str]]:
        messages = [one.message for one in self.published if isinstance(one, FramedStatus)]
        return [(message.symbol, message.state) for message in messages]

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [(one.feed, one.reason) for one in self.published if isinstance(one, Status)]


@asynccontextmanager
async def running(symbols: str = "BTCUSDT,ETHUSDT") -> AsyncIterator[Setup]:
    """Run a feed."""
    setup = Setup(symbols)
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
                await publish(setup.bus, [tick(seq=seq)])
            passed = [one.seq for one in setup.published if isinstance(one, FramedTick)]
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
            assert [5] == [one.seq for one in setup.published if isinstance(one, FramedTick)]

    run_virtual(main())


def test_a_symbol_nobody_knows_is_counted_and_passed_over() -> None:
    """A tick for a symbol outside SYMBOLS is not kept, even when it is among the last values."""

    async def main() -> None:
        async with running() as setup:
            setup.feed.tick_received("DOGEUSDT", encode_tick(tick("DOGEUSDT")))
            assert {"unknown_symbol": 1} == setup.counters.bus_refused
            assert {} == setup.last

    run_virtual(main())


@pytest.mark.parametrize("way", ["published", "stored", "both"])
@pytest.mark.parametrize("symbols", [("BTCUSDT",), ("BTCUSDT", "ETHUSDT")], ids=["one", "all"])
def test_a_number_above_the_poller_s_silences_nobody(way: str, symbols: tuple[str, ...]) -> None:
    """After a wrong high seq clients get the symbol's ticks again within seconds; other symbols miss none."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5, "BTCUSDT", "ETHUSDT")
            for symbol in symbols:
                payload = encode_tick(tick(symbol, 1_000_000))
                if way != "published":
                    setup.bus.store(symbol, payload)
                if way != "stored":
                    setup.bus.deliver(symbol, payload)
            before = setup.seq
            await setup.poll(10, "BTCUSDT", "ETHUSDT")
            for symbol in ("BTCUSDT", "ETHUSDT"):
                published = [one.seq for one in setup.published if isinstance(one, FramedTick) and one.topic == symbol]
                if symbol in symbols and way != "stored":
                    assert [*range(1, before + 1), 1_000_000, *range(before + 4, setup.seq + 1)] == published
                else:
                    assert [*range(1, setup.seq + 1)] == published
            assert [("live", "")] == setup.statuses
            assert 1 == setup.bus.attempts

    run_virtual(main())


def test_a_quiet_symbol_with_a_wrong_last_value_finds_its_poller_again() -> None:
    """A wrong value in the store does not silence a quiet symbol: its poller's ticks count again."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5, "BTCUSDT", "ETHUSDT")
            setup.bus.store("BTCUSDT", encode_tick(tick(seq=1_000_000)))
            await setup.poll(60, "ETHUSDT")
            await setup.poll(20, "BTCUSDT", "ETHUSDT")
            assert setup.seq == setup.last["BTCUSDT"].seq
            assert ("live", "") == setup.statuses[-1]
            await setup.poll(20, "BTCUSDT", "ETHUSDT")
            assert ("live", "") == setup.statuses[-1]

    run_virtual(main())


def test_a_last_value_of_before_the_start_silences_nobody() -> None:
    """A wrong last value from before the start silences no symbol, whether its seq is possible or not."""

    async def main() -> None:
        setup = Setup()
        setup.bus.store("BTCUSDT", encode_tick(tick(seq=1_000_000)))
        setup.bus.store("ETHUSDT", encode_tick(tick("ETHUSDT", 2**53 - 1, bid=1, ask=2, recv_us=3)))
        run = asyncio.create_task(setup.feed.run())
        await asyncio.sleep(0.1)
        assert {"wrong_seq": 1} == setup.counters.bus_refused
        await setup.poll(5, "BTCUSDT", "ETHUSDT")
        assert setup.seq == setup.last["BTCUSDT"].seq == setup.last["ETHUSDT"].seq
        assert [("live", "")] == setup.statuses
        run.cancel()

    run_virtual(main())


def test_a_poller_whose_clock_is_days_ahead_is_reported() -> None:
    """Symbols whose numbers are a day ahead are stale, and live again when their numbers are possible."""

    async def main() -> None:
        async with running() as setup:
            setup.seq = 2 * SEQ_AHEAD_MS
            await setup.poll(12, "BTCUSDT", "ETHUSDT")
            assert {("BTCUSDT", "stale"), ("ETHUSDT", "stale")} == set(setup.state_changes)
            assert 24 == setup.counters.bus_refused["wrong_seq"]
            setup.seq = 1
            await setup.poll(12, "BTCUSDT", "ETHUSDT")
            assert {("BTCUSDT", "live"), ("ETHUSDT", "live")} == set(setup.state_changes[2:])
            assert setup.seq == setup.last["BTCUSDT"].seq

    run_virtual(main())


def test_a_version_of_states_near_the_limit_silences_nothing() -> None:
    """States that others wrote count only until the poller's next ones."""

    async def main() -> None:
        async with running() as setup:
            await setup.report(7, since=7, live=["BTCUSDT", "ETHUSDT"], others=[])
            await asyncio.sleep(1)
            await setup.report(2**53 - 1, status("BTCUSDT", "delisted"), since=7)
            assert [("BTCUSDT", "delisted")] == setup.state_changes
            await setup.report(7, since=7)
            await asyncio.sleep(1.1)
            assert [("BTCUSDT", "delisted"), ("BTCUSDT", "live")] == setup.state_changes
            await setup.report(2**53 - 1, since=2**53 - 1)
            await asyncio.sleep(1)
            await setup.report(8, status("ETHUSDT", "halted"))
            assert ("ETHUSDT", "halted") == setup.state_changes[-1]
            assert 8 == setup.states.of("binance").version

    run_virtual(main())

    run_virtual(main())


def test_prices_are_live_with_the_first_heartbeat() -> None:
    """Before a heartbeat the status is stale; the first heartbeat makes it live, with its source."""

    async def main() -> None:
        async with running() as setup:
            assert "stale" == setup.feed.statuses[0].feed
            assert setup.feed.ready
            await setup.heartbeat(source="replay")
            assert ("live", "replay") == (setup.feed.statuses[0].feed, setup.feed.statuses[0].source)
            await setup.heartbeat(source="replay")
            assert [("live", "")] == setup.statuses

    run_virtual(main())


def test_a_silent_poller_makes_prices_stale_within_four_seconds_and_leaves_the_link() -> None:
    """Three seconds without a heartbeat are reported once; the next heartbeat ends it; the bus link stays."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5)
            await asyncio.sleep(3)
            assert [("live", ""), ("stale", "the poller is silent")] == setup.statuses
            last_heartbeat_us = 4_100_000
            assert last_heartbeat_us == setup.feed.statuses[0].since_us
            await asyncio.sleep(5)
            await setup.heartbeat()
            assert ("live", "") == setup.statuses[-1]
            assert 3 == len(setup.statuses)
            assert 1 == setup.bus.attempts

    run_virtual(main())


def test_a_bad_heartbeat_does_not_count_as_one() -> None:
    """A wrong heartbeat does not keep prices live."""

    async def main() -> None:
        async with running() as setup:
            await setup.heartbeat()
            for _ in range(5):
                await setup.bus.publish(Batch(barrier=(HEARTBEAT, b'{"link":"up"}')))
                await asyncio.sleep(1)
            assert "stale" == setup.feed.statuses[0].feed
            assert {"not_a_beat": 5} == setup.counters.bus_refused

    run_virtual(main())


def test_a_heartbeat_that_says_down_is_passed_on_with_its_reason() -> None:
    """If the poller's link is down, the status is stale with the poller's reason and time."""

    async def main() -> None:
        async with running() as setup:
            await setup.heartbeat()
            await asyncio.sleep(1)
            await setup.heartbeat("down", "banned until 12:00")
            assert ("stale", "banned until 12:00") == setup.statuses[-1]
            assert 1_100_000 == setup.feed.statuses[0].since_us

    run_virtual(main())


def test_a_change_of_source_is_reported() -> None:
    """Falling back from the stream to REST is news though prices stay live."""

    async def main() -> None:
        async with running() as setup:
            await setup.heartbeat(source="binance-ws")
            since_us = setup.feed.statuses[0].since_us
            await asyncio.sleep(1)
            await setup.heartbeat(source="binance-rest", reason="the stream is down")
            assert [("live", ""), ("live", "the stream is down")] == setup.statuses
            assert since_us == setup.feed.statuses[0].since_us

    run_virtual(main())


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_a_lost_bus_is_reported_within_four_seconds_and_recovered_within_five(fault: str) -> None:
    """Clients get stale, without any address; after the return changed prices come before live."""

    async def main() -> None:
        async with running() as setup:
            await publish(setup.bus, [tick(seq=1)])
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
            await publish(setup.bus, [tick(seq=2)])
            await setup.poll(5)
            newest, live = setup.published[-2:]
            assert isinstance(newest, FramedTick)
            assert 2 == newest.seq
            assert live is setup.feed.statuses[0]
            assert "live" == live.feed

    run_virtual(main())


def test_a_heartbeat_from_before_the_outage_proves_nothing() -> None:
    """After a short break prices are live only once a heartbeat came over the new link."""

    async def main() -> None:
        async with running() as setup:
            await setup.heartbeat()
            setup.bus.stop()
            setup.bus.stopped = False
            await asyncio.sleep(3.2)
            assert 2 == setup.bus.attempts
            feeds: list[str] = [setup.feed.statuses[0].feed]
            await setup.heartbeat()
            feeds.append(setup.feed.statuses[0].feed)
            assert ["stale", "live"] == feeds

    run_virtual(main())


def test_a_seq_that_is_no_time_is_not_believed() -> None:
    """A wrong seq is ignored: after it every tick of the symbol would be old."""

    async def main() -> None:
        async with running() as setup:
            await publish(setup.bus, [tick(seq=2**53 - 1, bid=1, ask=2, recv_us=1), tick(seq=5)])
            assert 5 == setup.last["BTCUSDT"].seq
            assert {"wrong_seq": 1} == setup.counters.bus_refused

    run_virtual(main())


def test_what_the_store_has_of_other_symbols_is_no_fault() -> None:
    """Other symbols in the store are no fault: a gateway may serve only a part of them."""

    async def main() -> None:
        setup = Setup()
        await publish(setup.bus, [tick("XRPUSDT", 1), tick("BTCUSDT", 1)])
        run = asyncio.create_task(setup.feed.run())
        await asyncio.sleep(1)
        assert ["BTCUSDT"] == list(setup.last)
        assert {} == dict(setup.counters.bus_refused)
        run.cancel()

    run_virtual(main())


def test_a_lost_link_is_made_anew_at_once() -> None:
    """A lost link is replaced at once: the bus may have closed only this one."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5)
            setup.bus.stop()
            setup.bus.stopped = False
            await asyncio.sleep(0.6)
            assert 2 == setup.bus.attempts

    run_virtual(main())


def test_a_bus_that_ends_links_as_they_are_made_is_asked_every_few_seconds() -> None:
    """A bus that ends each new link is dialled every few seconds: many gateways at once would be a flood."""

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
    """A gateway is not ready before it has read the last values once."""

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
    """During the change of links old symbols have no gap, new ones come with their last value, and prices stay live."""

    async def main() -> None:
        async with running() as setup:
            setup.held.add("XRPUSDT")
            await publish(setup.bus, [tick("XRPUSDT", 7), tick("ETHUSDT", 1)])
            await setup.poll(1)
            setup.bus.slow_s = 1.5
            setup.feed.serve(parse_symbols("BTCUSDT,XRPUSDT"))
            for seq in range(1, 30):
                await publish(setup.bus, [tick("BTCUSDT", seq), tick("ETHUSDT", 1 + seq)])
                await setup.heartbeat()
                await asyncio.sleep(0.1)
            await publish(setup.bus, [tick("XRPUSDT", 8)])
            published = [(one.topic, one.seq) for one in setup.published if isinstance(one, FramedTick)]
            assert [1, *range(1, 30)] == [seq for symbol, seq in published if symbol in {"ETHUSDT", "BTCUSDT"}]
            assert [7, 8] == [seq for symbol, seq in published if symbol == "XRPUSDT"]
            assert {"BTCUSDT", "XRPUSDT"} == set(setup.last)
            assert [("live", "")] == setup.statuses
            assert {} == dict(setup.counters.bus_refused)
            assert 1 == len(setup.bus._subscriptions)

    run_virtual(main())


def test_a_store_read_before_what_came_meanwhile_is_no_clock_that_is_behind() -> None:
    """Last values that are older than ticks already received over the new link make nothing stale."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(1, "BTCUSDT")
            older = dict(setup.bus._values)
            await setup.poll(1, "BTCUSDT")

            async def read(topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
                return {topic: older[topic] for topic in topics if topic in older}

            setup.bus.read = read  # type: ignore[method-assign] # the fake is behind
            setup.feed.serve(parse_symbols("BTCUSDT,XRPUSDT"))
            await setup.poll(10)
            assert [("live", "")] == setup.statuses

    run_virtual(main())


def test_where_no_new_link_can_be_made_the_old_one_is_kept() -> None:
    """If the bus takes no new connection, the old one stays, and the attempts continue.

    For as long as the store may have prices that did not come: after that, what was added is known to be lost.
    """

    async def main() -> None:
        async with running() as setup:
            await setup.poll(1)
            setup.bus.full = True
            setup.feed.serve(parse_symbols("BTCUSDT,XRPUSDT"))
            for seq in range(1, 5):
                await publish(setup.bus, [tick("BTCUSDT", seq), tick("XRPUSDT", seq)])
                await setup.heartbeat()
                await asyncio.sleep(1)
            assert 4 == setup.last["BTCUSDT"].seq
            assert "XRPUSDT" not in setup.last
            setup.bus.full = False
            await setup.poll(2)
            assert 4 == setup.last["XRPUSDT"].seq
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
            await publish(setup.bus, [tick("BTCUSDT", 1), tick("XRPUSDT", 1), tick("SOLUSDT", 1)])
            assert {"XRPUSDT", "SOLUSDT"} == set(setup.last)
            attempts = setup.bus.attempts
            setup.feed.serve(parse_symbols("SOLUSDT,XRPUSDT"))
            await asyncio.sleep(2)
            # The same symbols in another order are heard already.
            assert attempts == setup.bus.attempts

    run_virtual(main())


def test_a_change_of_a_state_is_passed_on_behind_its_ticks() -> None:
    """The full set is read at the first heartbeat; then changes alone come with the heartbeats, and nothing is read."""

    async def main() -> None:
        async with running() as setup:
            await setup.report(7, since=7, others=[status("ETHUSDT", "stale")], live=["BTCUSDT"])
            await asyncio.sleep(0.1)
            await publish(setup.bus, [tick(seq=1)])
            await setup.report(8, status("BTCUSDT", "halted"), status("XRPUSDT", "halted"))
            await setup.report(8, status("BTCUSDT", "halted"))
            assert [("ETHUSDT", "stale"), ("BTCUSDT", "halted")] == setup.state_changes
            kinds = [type(one).__name__ for one in setup.published]
            assert ["FramedStatus", "Status", "FramedTick", "FramedStatus"] == kinds
            # At the link, and at the heartbeat.
            assert 2 == setup.bus.states_read

    run_virtual(main())


def test_states_of_an_older_poller_are_not_reported() -> None:
    """Without states in the heartbeat symbols have no states, whatever the store still has."""

    async def main() -> None:
        setup = Setup()
        setup.bus.spoil_states(encode_states(states(others=[status("BTCUSDT", "halted")])))
        run = asyncio.create_task(setup.feed.run())
        await asyncio.sleep(0.1)
        await setup.poll(5)
        assert [] == setup.state_changes
        assert [("live", "")] == setup.statuses
        run.cancel()

    run_virtual(main())


def test_a_full_set_is_read_once_a_second_at_most_and_beside_everything_else() -> None:
    """Heartbeats with versions that the store does not have yet cause no storm, and a slow store delays nothing."""

    async def main() -> None:
        async with running() as setup:
            before = setup.bus.states_read
            setup.bus.answer_s = 1.5
            for version in range(100, 200):
                await setup.report(version, since=version)
                await asyncio.sleep(0.1)
            assert 4 <= setup.bus.states_read - before <= 8
            assert ("live", "") == setup.statuses[-1]
            await setup.report(200, since=200, live=[], others=[])
            await asyncio.sleep(4)
            assert [("BTCUSDT", "unknown"), ("ETHUSDT", "unknown")] == setup.state_changes
            assert {NOT_SERVED} == {one.message.reason for one in setup.published if isinstance(one, FramedStatus)}
            assert {} == setup.counters.bus_refused

    run_virtual(main())


def test_a_symbol_that_comes_back_is_as_new() -> None:
    """The old price of a removed symbol is forgotten; when it is added again, the bus's value is read."""

    async def main() -> None:
        async with running() as setup:
            await publish(setup.bus, [tick("ETHUSDT", 1)])
            setup.feed.serve(parse_symbols("BTCUSDT"))
            assert {} == setup.last
            await asyncio.sleep(1)
            await publish(setup.bus, [tick("ETHUSDT", 2)])
            assert {} == setup.last
            setup.feed.serve(parse_symbols("BTCUSDT,ETHUSDT"))
            await asyncio.sleep(1)
            assert 2 == setup.last["ETHUSDT"].seq
            assert {} == dict(setup.counters.bus_refused)

    run_virtual(main())


def test_newer_changes_outrun_an_older_full_set() -> None:
    """A full set that was read before a change does not undo it."""

    async def main() -> None:
        async with running() as setup:
            await setup.report(7, since=7, live=["BTCUSDT", "ETHUSDT"], others=[])
            await asyncio.sleep(0.5)
            setup.bus.answer_s = 0.5
            await setup.report(99, since=50)
            await asyncio.sleep(0.6)
            # What is read now is of version 7 still, while changes to 8 come.
            await setup.report(8, status("BTCUSDT", "halted"))
            await asyncio.sleep(0.5)
            assert [("BTCUSDT", "halted")] == setup.state_changes
            await asyncio.sleep(2)
            assert [("BTCUSDT", "halted")] == setup.state_changes

    run_virtual(main())


@pytest.mark.parametrize("change", ["in the store", "in the beat", "late in the store"])
def test_after_an_outage_what_changed_is_reported_before_live(change: str) -> None:
    """After an outage only changed prices and states are sent, before live; the outage itself is one message."""

    async def main() -> None:
        async with running() as setup:
            await setup.report(7, since=7, live=["BTCUSDT"], others=[status("ETHUSDT", "stale")])
            await asyncio.sleep(1)
            setup.bus.stop()
            setup.bus.stopped = False
            before = len(setup.published)
            now = {"live": ["ETHUSDT"], "others": [status("BTCUSDT", "halted")]}
            if change == "in the store":
                await setup.report(20, since=20, **now)
            await asyncio.sleep(1)
            if change == "late in the store":
                await setup.report(20, since=20, **now)
            elif change == "in the beat":
                await setup.report(8, status("BTCUSDT", "halted"), status("ETHUSDT", "live"))
            else:
                await setup.report(20, since=20)
            await asyncio.sleep(0.5)
            assert [("ETHUSDT", "live"), ("BTCUSDT", "halted")] == sorted(setup.state_changes[1:], reverse=True)
            kinds = [type(one).__name__ for one in setup.published[before:]]
            assert ["Status", "FramedStatus", "FramedStatus", "Status"] == kinds
            assert [("stale", "no link to the bus"), ("live", "")] == setup.statuses[-2:]

    run_virtual(main())


def test_states_that_cannot_be_read_do_not_keep_prices_from_being_live() -> None:
    """Unreadable states are counted, read again, and used as soon as they are readable."""

    async def main() -> None:
        async with running() as setup:
            setup.bus.spoil_states(b'{"version":')
            for _ in range(5):
                await setup.report(7, since=7)
                await asyncio.sleep(1)
            assert [("live", "")] == setup.statuses
            assert 5 <= setup.counters.bus_refused["not_states"] <= 8
            await setup.report(7, since=7, live=["BTCUSDT"], others=[])
            await asyncio.sleep(1.1)
            assert [("ETHUSDT", "unknown")] == setup.state_changes

    run_virtual(main())


def test_an_older_poller_that_takes_over_takes_back_what_was_told() -> None:
    """An older poller without states takes back earlier states."""

    async def main() -> None:
        async with running() as setup:
            await setup.report(7, since=7, live=["BTCUSDT"], others=[status("ETHUSDT", "stale")])
            await asyncio.sleep(1)
            await setup.heartbeat()
            assert [("ETHUSDT", "stale"), ("ETHUSDT", "live")] == setup.state_changes
            assert isinstance(last := setup.published[-1], FramedStatus)
            assert NOT_REPORTED == last.message.reason

    run_virtual(main())


def test_a_poller_that_has_just_begun_changes_nothing_of_what_was_told() -> None:
    """While a new poller has no listing, earlier states stay; then its own count."""

    async def main() -> None:
        async with running() as setup:
            await setup.report(7, since=7, live=["BTCUSDT"], others=[status("ETHUSDT", "halted")])
            await asyncio.sleep(1)
            for _ in range(3):
                await setup.heartbeat("down", "the poller is starting")
                await asyncio.sleep(1)
            assert [("ETHUSDT", "halted")] == setup.state_changes
            await setup.report(9, since=9, live=["ETHUSDT"], others=[status("BTCUSDT", "stale")])
            await asyncio.sleep(1)
            assert {("ETHUSDT", "live"), ("BTCUSDT", "stale")} == set(setup.state_changes[1:])
            assert ["live", "stale", "live"] == [feed for feed, _ in setup.statuses]

    run_virtual(main())


def test_ticks_that_do_not_pass_are_reported_and_the_link_is_made_anew() -> None:
    """With heartbeats alone prices are stale within ten seconds, with the reason, until a new link brings ticks."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5, "BTCUSDT", "ETHUSDT")
            setup.bus.lost_channels = {"BTCUSDT", "ETHUSDT"}
            await setup.poll(8, "BTCUSDT", "ETHUSDT")
            assert [("live", ""), ("stale", LOST)] == setup.statuses
            await setup.poll(110, "BTCUSDT", "ETHUSDT")
            # One `stale`, and the prices of the store with each new link.
            assert [("live", ""), ("stale", LOST)] == setup.statuses
            renewed = setup.bus.attempted_at[1:]
            pauses = [after - before for before, after in pairwise(renewed)]
            assert 3 <= min(pauses) < 10
            assert 25 <= max(pauses) <= 40
            assert 5 <= len(renewed) == setup.counters.bus_links_faulty["ticks_lost"] <= 9
            assert {"ticks_lost"} == set(setup.counters.bus_links_faulty)
            setup.bus.lost_channels = set()
            await setup.poll(2, "BTCUSDT", "ETHUSDT")
            assert [("stale", LOST), ("live", "")] == setup.statuses[-2:]
            missed = setup.counters.ticks_missed
            assert setup.seq * 2 - 80 <= missed + setup.counters.ticks_received <= setup.seq * 2 + 20
            await setup.poll(60, "BTCUSDT")
            assert ("live", "") == setup.statuses[-1]
            assert missed == setup.counters.ticks_missed

    run_virtual(main())


def test_one_lost_channel_is_found_and_not_taken_for_healed_by_the_others() -> None:
    """While the ticks of one symbol do not pass it stays stale; with the first that does it is live again."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5, "BTCUSDT", "ETHUSDT")
            setup.bus.lost_channels = {"ETHUSDT"}
            await setup.poll(40, "BTCUSDT", "ETHUSDT")
            assert [("live", ""), ("stale", LOST)] == setup.statuses
            setup.bus.lost_channels = set()
            await setup.poll(2, "BTCUSDT", "ETHUSDT")
            assert [("live", ""), ("stale", LOST), ("live", "")] == setup.statuses

    run_virtual(main())


def test_a_lost_tick_of_a_symbol_that_is_quiet_since_is_made_good() -> None:
    """With the new link its price comes from the store; after three seconds without a newer one it is live."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(2, "BTCUSDT")
            setup.bus.lost_channels = {"BTCUSDT"}
            await setup.poll(1, "BTCUSDT")
            setup.bus.lost_channels = set()
            await setup.poll(20)
            assert setup.seq - 20 == setup.last["BTCUSDT"].seq
            assert [("live", ""), ("stale", LOST), ("live", "")] == setup.statuses
            assert 1 == setup.counters.ticks_missed
            assert {"ticks_lost": 1} == setup.counters.bus_links_faulty

    run_virtual(main())


def test_quiet_symbols_and_those_of_others_are_no_fault() -> None:
    """A gateway with a part of the poller's symbols, or quiet ones, asks a little, and keeps its link."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(1, "BTCUSDT", "XRPUSDT")
            await setup.poll(3, "XRPUSDT")
            setup.bus.asked.clear()
            await setup.poll(60, "XRPUSDT")
            assert [("live", "")] == setup.statuses
            assert 1 == setup.bus.attempts
            assert 19 <= len(setup.bus.asked) <= 20
            assert [["BTCUSDT", "ETHUSDT"]] * len(setup.bus.asked) == setup.bus.asked
            setup.bus.asked.clear()
            await setup.poll(60, "BTCUSDT", "ETHUSDT")
            assert len(setup.bus.asked) <= 1

    run_virtual(main())


@pytest.mark.parametrize(
    "payload", [b"hello", encode_tick(tick("ETHUSDT", 9)), encode_tick(tick(seq=1)).replace(b'"seq":1', b'"seq":9e15')]
)
def test_ticks_that_cannot_be_read_are_reported(payload: bytes) -> None:
    """An unreadable value in the store makes its symbol stale until the first readable tick."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5, "BTCUSDT", "ETHUSDT")
            setup.bus.spoil("BTCUSDT", payload)
            await setup.poll(4, "ETHUSDT")
            assert [] == setup.state_changes
            await setup.poll(6, "ETHUSDT")
            assert [("BTCUSDT", "stale")] == setup.state_changes
            [change] = [one.message for one in setup.published if isinstance(one, FramedStatus)]
            assert UNREADABLE == change.reason
            await setup.poll(60, "ETHUSDT")
            await setup.poll(1, "BTCUSDT")
            assert [("BTCUSDT", "stale"), ("BTCUSDT", "live")] == setup.state_changes
            # It is neither the feed's fault nor the link's.
            assert [("live", "")] == setup.statuses
            assert 1 == setup.bus.attempts

    run_virtual(main())


def test_a_link_that_carries_nothing_is_made_anew_now_and_then_and_without_a_word() -> None:
    """A link with only pongs is replaced; a dead poller is one `stale` for clients, and a dial each 10 to 36 s."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5, "BTCUSDT")
            await asyncio.sleep(300)
            assert [("live", ""), ("stale", "the poller is silent")] == setup.statuses
            times = setup.bus.attempted_at[1:]
            last_heartbeat = 4.1
            assert 10 <= times[0] - last_heartbeat <= 12.5
            assert 20 <= times[1] - times[0] <= 24.5
            assert all(30 <= after - before <= 36.5 for before, after in pairwise(times[1:]))
            assert {"silent": len(times)} == setup.counters.bus_links_faulty
            await setup.poll(3, "BTCUSDT")
            assert [("live", ""), ("stale", "the poller is silent"), ("live", "")] == setup.statuses

    run_virtual(main())


@pytest.mark.parametrize("useful", ["ticks", "beats"])
def test_a_link_that_carries_anything_of_use_is_left_alone(useful: str) -> None:
    """A link with only ticks or only heartbeats is kept: its other end is the right one."""

    async def main() -> None:
        async with running() as setup:
            if useful == "ticks":
                setup.bus.mute = True
                await setup.poll(60, "BTCUSDT")
            else:
                await setup.poll(60)
            assert 1 == setup.bus.attempts

    run_virtual(main())


def test_a_bus_that_is_gone_when_a_useless_link_is_made_anew_is_reported() -> None:
    """A bus that is gone when the link is replaced is reported with its own reason."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(5)
            setup.bus.stopped = True
            await asyncio.sleep(20)
            reasons = [reason for _, reason in setup.statuses]
            assert ["", "the poller is silent", "no link to the bus"] == reasons
            setup.bus.stopped = False
            await asyncio.sleep(3)
            await setup.poll(2)
            assert ("live", "") == setup.statuses[-1]

    run_virtual(main())
