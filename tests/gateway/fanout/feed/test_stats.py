"""Figures of 24 hours from the bus: who pays for them, and what is believed."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from gateway.fanout.feed.refusals import Refusals
from gateway.fanout.feed.stats import StatsFeed
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick
from market.bus import Message
from market.prices.instruments import Instrument
from market.prices.listed import Listed
from market.prices.stats import LATE_US, Stats
from market.prices.symbols import Symbols, parse_symbols
from market.prices.tick import MAX_EXACT, Tick
from market.wire.listings import Listing, encode_listing
from market.wire.stats import encode_stats, encode_stats_batch
from market.wire.status import Heartbeat
from market.wire.tick_batch import split_batch
from poller.publishing.slow_topics import SlowTopics
from poller.publishing.tick_batches import TickBatches
from tests.fakes import run_virtual, tick
from tests.gateway.fanout.feed.test_feed import Setup as FeedSetup
from tests.gateway.fanout.feed.test_feed import running
from tests.market.samples import heartbeat
from tests.market.samples import stats as any_stats


class Setup:
    """The figures of three symbols of two venues."""

    def __init__(self, symbols: str = "BTCUSDT,ETHUSDT,coinbase:BTC-USD") -> None:
        self.last: dict[str, FramedTick] = {}
        self.held: set[str] = set()
        self.published: list[FramedTick] = []
        self.counters = Counters()
        self.subject = StatsFeed(
            parse_symbols(symbols),
            self.last,
            self.published.append,
            self.held,
            Refusals(self.counters),
            self.counters,
            lambda: 99,
        )

    def receive(self, *its: Stats, venue: str = "binance") -> None:
        self.subject.batch_received(venue, encode_stats_batch((one.symbol, encode_stats(one)) for one in its))

    def prices(self) -> list[tuple[str, object]]:
        """Topic and last price of what was published."""
        return [(framed.topic, its.last) for framed in self.published if isinstance(its := framed.tick, Stats)]


def figures(symbol: str = "BTCUSDT", last: str = "1.0", ts_us: int = 7, **fields: Any) -> Stats:
    """Figures of 24 hours."""
    return Stats(symbol=symbol, ts_us=ts_us, last=last, **fields)


def test_what_nobody_holds_is_kept_as_it_comes_and_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure is decoded before somebody wants it."""
    setup = Setup()
    with monkeypatch.context() as patched:
        patched.setattr("gateway.fanout.feed.stats.decode_stats", None)
        setup.receive(figures(), figures("ETHUSDT"))
        setup.receive(figures(last="2.0"))
    assert ([], {}, 3) == (setup.published, setup.last, setup.counters.stats_received)
    assert figures(last="2.0") == setup.subject.stats("BTCUSDT")
    assert setup.subject.stats("coinbase:BTC-USD") is setup.subject.stats("NOPE") is None


def test_what_somebody_holds_is_published() -> None:
    """And is among the last values then; the other symbols of the batch are not."""
    setup = Setup()
    setup.held.add("BTCUSDT@stats")
    setup.receive(figures(), figures("ETHUSDT"))
    assert [("BTCUSDT@stats", "1.0")] == setup.prices()
    assert setup.last == {"BTCUSDT@stats": setup.published[0]}
    # Once nobody holds it, its last value is made when it is wanted.
    setup.held.clear()
    setup.receive(figures(last="2.0"))
    assert (1, {}) == (len(setup.published), setup.last)


def test_figures_of_somebody_who_holds_them_never_go_back() -> None:
    """A poller that takes over says what it heard; that may be older. Behind "nothing is known" any are new."""
    setup = Setup()
    setup.held.add("BTCUSDT@stats")
    setup.receive(figures(last="1.0", ts_us=LATE_US + 9))
    setup.receive(figures(last="2.0", ts_us=LATE_US + 8))
    assert figures(last="1.0", ts_us=LATE_US + 9) == setup.subject.stats("BTCUSDT")
    setup.receive(figures(last="3.0", ts_us=LATE_US + 9))
    setup.receive(figures(last="4.0", ts_us=8))
    setup.receive(Stats(symbol="BTCUSDT", ts_us=7))
    setup.receive(figures(last="5.0", ts_us=6))
    assert [*"134", UNSET, *"5"] == [last if last is UNSET else str(last)[0] for _, last in setup.prices()]


def test_the_newest_is_found_when_it_is_first_wanted() -> None:
    """A topic of another channel, or one that is not known, has none."""
    setup = Setup()
    setup.receive(figures(last="2.0"))
    found = setup.subject.find("BTCUSDT@stats")
    assert found is not None
    assert ("BTCUSDT@stats", figures(last="2.0")) == (found.topic, found.tick)
    assert [None, None, None] == [setup.subject.find(topic) for topic in ("BTCUSDT", "ETHUSDT@stats", "@stats")]


def test_no_tick_passes_for_newer_than_figures() -> None:
    """Whoever writes ticks to the bus may name any symbol in them."""
    setup = Setup()
    setup.receive(figures())
    found = setup.subject.find("BTCUSDT@stats")
    assert found is not None
    assert MAX_EXACT == found.seq


def test_symbols_of_others_are_left_out() -> None:
    """A venue's batch has all of its poller's symbols, and says nothing of another venue's."""
    setup = Setup()
    setup.receive(figures("SOLUSDT"), figures("coinbase:BTC-USD"))
    assert setup.subject.stats("SOLUSDT") is setup.subject.stats("coinbase:BTC-USD") is None
    setup.receive(figures("coinbase:BTC-USD"), venue="coinbase")
    assert figures("coinbase:BTC-USD") == setup.subject.stats("coinbase:BTC-USD")
    assert 0 == setup.counters.bus_refused.total()


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"[]",
        b'{"symbol":"ETHUSDT","ts_us":7}',
        b'{"symbol":"BTCUSDT","ts_us":7,"last":1.5}',
        b'{"x":"' + b"x" * 3_000 + b'"}',
    ],
    ids=["empty", "no object", "another symbol's", "a number", "too long"],
)
def test_what_cannot_be_read_is_refused_when_it_is_wanted(raw: bytes) -> None:
    """It is counted, and the others in its batch are good."""

    async def main() -> None:
        setup = Setup()
        setup.subject.batch_received("binance", encode_stats_batch([("BTCUSDT", raw)]))
        assert setup.subject.stats("BTCUSDT") is None
        assert setup.subject.find("BTCUSDT@stats") is None
        setup = Setup()
        setup.held |= {"BTCUSDT@stats", "ETHUSDT@stats"}
        setup.receive(figures())
        parts = [("BTCUSDT", raw), ("ETHUSDT", encode_stats(figures("ETHUSDT")))]
        setup.subject.batch_received("binance", encode_stats_batch(parts))
        assert [("BTCUSDT@stats", "1.0"), ("ETHUSDT@stats", "1.0")] == setup.prices()
        assert {"not_stats": 1} == setup.counters.bus_refused
        assert figures() == setup.subject.stats("BTCUSDT")
        setup.subject.batch_received("binance", b"hello")
        assert {"not_stats": 2} == setup.counters.bus_refused

    run_virtual(main())


def test_stored_figures_count_if_they_are_newer() -> None:
    """The link may have brought newer ones while the store was asked."""
    setup = Setup()
    setup.held.add("BTCUSDT@stats")
    setup.receive(figures(last="2.0", ts_us=8))
    setup.subject.take_stored(
        {"BTCUSDT": encode_stats(figures(ts_us=7)), "ETHUSDT": encode_stats(figures("ETHUSDT")), "NOPE": b"x"}
    )
    assert [("BTCUSDT@stats", "2.0")] == setup.prices()
    assert figures("ETHUSDT") == setup.subject.stats("ETHUSDT")
    # After an outage, those that were missed are published.
    setup.subject.take_stored({"BTCUSDT": encode_stats(figures(last="3.0", ts_us=9))})
    assert ("BTCUSDT@stats", "3.0") == setup.prices()[-1]


def test_a_poller_without_figures_leaves_none_of_another_s() -> None:
    """An older one has taken over: what is held is said to be unknown, and nothing old is found any more."""
    setup = Setup()
    setup.held.add("BTCUSDT@stats")
    setup.receive(figures(), figures("ETHUSDT"))
    setup.receive(figures("coinbase:BTC-USD"), venue="coinbase")
    setup.subject.announced("binance", ("stats", "more"))
    assert 1 == len(setup.published)
    for _ in range(2):
        setup.subject.announced("binance", ())
    assert [figures(), Stats(symbol="BTCUSDT", ts_us=99)] == [framed.tick for framed in setup.published]
    assert setup.subject.stats("BTCUSDT") is setup.subject.stats("ETHUSDT") is None
    assert setup.subject.stats("coinbase:BTC-USD") is not None


def test_symbols_come_and_go() -> None:
    """What is not served any more is forgotten; a new one's figures are taken."""
    setup = Setup("BTCUSDT,ETHUSDT")
    setup.held |= {"BTCUSDT@stats", "ETHUSDT@stats"}
    setup.receive(figures(), figures("ETHUSDT"))
    setup.subject.serve(parse_symbols("ETHUSDT,SOLUSDT"))
    assert {"ETHUSDT@stats"} == setup.last.keys()
    setup.receive(figures(last="2.0"), figures("SOLUSDT"))
    assert setup.subject.stats("BTCUSDT") is None
    assert figures("SOLUSDT") == setup.subject.stats("SOLUSDT")
    setup.subject.serve(Symbols(()))
    setup.subject.announced("binance", ())
    assert {} == setup.last


def test_a_listing_is_decoded_once_and_checked() -> None:
    """The newest of each venue; one that cannot be read is none."""

    async def main() -> None:
        setup = Setup()
        assert setup.subject.listing("binance") is None
        listing = Listing(venue="binance", symbols=[Listed(symbol="BTCUSDT", native="BTCUSDT", status="trading")])
        setup.subject.listing_received("binance", encode_listing(listing))
        assert listing == setup.subject.listing("binance")
        assert setup.subject.listing("binance") is setup.subject.listing("binance")
        setup.subject.listing_received("binance", b"x")
        assert setup.subject.listing("binance") is setup.subject.listing("binance") is None
        assert {"not_a_listing": 1} == setup.counters.bus_refused
        setup.subject.listing_received("coinbase", encode_listing(listing))
        setup.subject.serve(parse_symbols("BTCUSDT"))
        assert setup.subject.listing("coinbase") is None

    run_virtual(main())


@given(st.lists(any_stats("BTCUSDT"), min_size=1, max_size=5), st.booleans())
def test_every_digit_survives(sent: list[Stats], held: bool) -> None:
    """From the bytes on the bus to what is published, and to what is found later."""
    setup = Setup()
    setup.held |= {"BTCUSDT@stats"} if held else set()
    sent.sort(key=lambda its: its.ts_us)
    for its in sent:
        setup.receive(its)
    assert sent[-1] == setup.subject.stats("BTCUSDT")
    assert (sent if held else []) == [framed.tick for framed in setup.published]


class Poller:
    """A poller's figures and ticks on a feed's bus."""

    def __init__(self, setup: FeedSetup, partitions: int = 2) -> None:
        self._setup = setup
        self._batches = TickBatches(partitions, symbol_channels=True)
        self._batches.begin("a term")
        setup.bus.partitions = partitions
        self.slow_topics = SlowTopics(partitions, clock=setup.loop.time, symbol_channels=True)
        self.channels: tuple[str, ...] | UnsetType = ("stats",)

    async def say(self, *ticks: Tick, seconds: int = 1) -> None:
        """Publish what is due, and a heartbeat each second for so long."""
        for _ in range(seconds):
            now = self._setup.now_us()
            beat = heartbeat(since_us=now, sent_us=now, batches=self._batches.layout, channels=self.channels)
            await self._setup.bus.publish(self._batches.batch(ticks, beat))
            if self.channels:
                await self._setup.bus.publish(self.slow_topics.take())
                self.slow_topics.confirm()
            ticks = ()
            await asyncio.sleep(1)


def passed_on(setup: FeedSetup) -> list[Stats]:
    """The figures that a feed has published."""
    return [one.tick for one in setup.published if isinstance(one, FramedTick) and isinstance(one.tick, Stats)]


def test_a_gateway_reads_figures_with_the_batches_of_ticks() -> None:
    """Those that were kept before it came, those that come, and those that it missed; and the listing."""

    async def main() -> None:
        async with running() as setup:
            poller = Poller(setup)
            setup.held.add("ETHUSDT@stats")
            poller.slow_topics.put(figures("ETHUSDT", "1.0"))
            poller.slow_topics.listed("ETHUSDT", Instrument("trading"))
            await poller.say()
            # It has heard of batches by then, and has read what was kept.
            await poller.say()
            assert [figures("ETHUSDT", "1.0")] == passed_on(setup)
            poller.slow_topics.put(figures("ETHUSDT", "2.0", 8))
            poller.slow_topics.put(figures("BTCUSDT", "2.0", 8))
            await poller.say()
            assert ["1.0", "2.0"] == [its.last for its in passed_on(setup)]
            assert figures("BTCUSDT", "2.0", 8) == setup.feed.stats("BTCUSDT")
            listing = setup.feed.instruments("binance")
            assert listing is not None
            assert ["ETHUSDT"] == [its.symbol for its in listing.symbols]
            setup.bus.stop()
            setup.bus.stopped = False
            poller.slow_topics.put(figures("ETHUSDT", "3.0", 9))
            await poller.say(seconds=4)
            assert ["1.0", "2.0", "3.0"] == [its.last for its in passed_on(setup)]
            assert 0 == setup.counters.bus_refused.total()

    run_virtual(main())


@pytest.mark.parametrize("has_batches", [False, True])
def test_an_older_poller_takes_over_and_a_newer_one_again(has_batches: bool) -> None:
    """What is held is said to be unknown; with the newer one the figures are there again."""

    async def main() -> None:
        async with running() as setup:
            newer, older = Poller(setup), Poller(setup)
            older.channels = UNSET
            setup.held.add("BTCUSDT@stats")
            newer.slow_topics.put(figures())
            await newer.say(seconds=3)
            for _ in range(3):
                if has_batches:
                    await older.say()
                else:
                    await setup.heartbeat()
                    await asyncio.sleep(1)
            assert [figures(), Stats(symbol="BTCUSDT", ts_us=passed_on(setup)[-1].ts_us)] == passed_on(setup)
            assert setup.feed.stats("BTCUSDT") is None
            newer.slow_topics.begin()
            await newer.say(seconds=3)
            assert figures() == passed_on(setup)[-1] == setup.feed.stats("BTCUSDT")

    run_virtual(main())


OLD_TICK = msgspec.defstruct(
    "OldTick",
    [(field.name, field.type, field.default) for field in msgspec.structs.fields(Tick) if field.name != "update_id"],
    kw_only=True,
)
OLD_HEARTBEAT = msgspec.defstruct(
    "OldHeartbeat",
    [
        (field.name, field.type, field.default)
        for field in msgspec.structs.fields(Heartbeat)
        if field.name != "channels"
    ],
    kw_only=True,
)


def test_an_older_gateway_reads_a_newer_poller() -> None:
    """It hears what it subscribes to, no more than before, and passes over what it does not know."""

    async def main() -> None:
        async with running() as setup:
            poller, heard = Poller(setup), list[Message]()
            old_topics = [
                "feed.status",
                "tick.BTCUSDT",
                "0#feed.status",
                "1#feed.status",
                "0#batch.binance",
                "1#batch.binance",
            ]
            await setup.bus.subscribe(old_topics, heard.extend)
            poller.slow_topics.put(figures())
            poller.slow_topics.listed("BTCUSDT", Instrument("trading"))
            its = tick("BTCUSDT", 7, update_id=400900217)
            await poller.say(its)
            expected = msgspec.to_builtins(its)
            del expected["update_id"]
            kinds = sorted(topic.partition("#")[2] or topic for topic, _ in heard)
            assert ["batch.binance", "feed.status", "feed.status", "feed.status", "tick.BTCUSDT"] == kinds
            for topic, payload in heard:
                if topic.endswith("feed.status"):
                    assert "up" == msgspec.json.decode(payload, type=OLD_HEARTBEAT).link  # type: ignore[attr-defined]
                elif topic == "tick.BTCUSDT":
                    assert expected == msgspec.to_builtins(msgspec.json.decode(payload, type=OLD_TICK))
                else:
                    [raw] = split_batch(payload)[2]
                    assert expected == msgspec.to_builtins(msgspec.json.decode(raw, type=OLD_TICK))

    run_virtual(main())
