"""What changes once a second at most, on a clock that the test moves."""

import logging
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bus import Batch, BusDownError, in_partition, partition_of
from market.prices.instruments import Instrument, Rules
from market.prices.stats import Stats, nothing_known
from market.wire.listings import decode_listing
from market.wire.stats import MOST_IN_BATCH, decode_stats, split_stats_batch
from poller.publishing.slow_topics import GAP_S, NEVER, REFUSED_S, SYMBOL_S, SlowTopics
from tests.market.samples import decimals

TRADING = Instrument("trading", rules=Rules("BTC", "USDT", "0.01000000"))


class Desk:
    """Slow topics, and everything that was taken of them."""

    def __init__(self, partitions: int = 1, *, symbol_channels: bool = True, venue: str = "binance") -> None:
        self.now = 100.0
        self.subject = SlowTopics(partitions, clock=lambda: self.now, symbol_channels=symbol_channels, venue=venue)
        self.batches: list[Batch] = []

    def put(self, symbol: str = "BTCUSDT", last: str = "1.0", ts_us: int = 7, **fields: Any) -> None:
        self.subject.put(Stats(symbol=symbol, ts_us=ts_us, last=last, **fields))

    def take(self) -> Batch:
        """Take and confirm."""
        self.batches.append(self.subject.take())
        self.subject.confirm()
        return self.batches[-1]

    def pass_time(self, seconds: float) -> dict[str, list[tuple[float, str]]]:
        """Do as the publisher does for so long; symbol → when its last price was sent, and which."""
        sent: dict[str, list[tuple[float, str]]] = {}
        until = self.now + seconds
        while self.now < until:
            if self.subject.due_at <= self.now:
                for symbol, its in figures(self.take()).items():
                    sent.setdefault(symbol, []).append((self.now, str(its.last)))
            self.now += 0.05
        return sent


def figures(batch: Batch) -> dict[str, Stats]:
    """The figures in the batches of all partitions."""
    found: dict[str, Stats] = {}
    for topic, payload in batch.events:
        if topic.endswith(".stats"):
            for symbol, raw in split_stats_batch(payload).items():
                assert symbol not in found
                found[symbol] = decode_stats(bytes(raw))
    return found


def test_figures_are_sent_and_kept() -> None:
    """In the batch of their partition, on their symbol's own topic, and as its last value."""
    desk = Desk(4)
    assert NEVER == desk.subject.due_at
    desk.put(volume="0.10000000")
    assert desk.subject.due_at <= desk.now
    batch = desk.take()
    its = Stats(symbol="BTCUSDT", ts_us=7, last="1.0", volume="0.10000000")
    assert {"BTCUSDT": its} == figures(batch)
    partition = partition_of("stats.BTCUSDT", 4)
    assert [in_partition("batch.binance.stats", partition)] == [topic for topic, _ in batch.events]
    assert [("stats.BTCUSDT", its)] == [(topic, decode_stats(payload)) for topic, payload in batch.updates]
    assert ((), None) == (tuple(batch.values), batch.barrier)
    assert (1, NEVER) == (desk.subject.published, desk.subject.due_at)


def test_without_the_symbols_own_topics_they_are_only_kept() -> None:
    """A poller that sends ticks in batches alone does the same with figures."""
    desk = Desk(symbol_channels=False)
    desk.put()
    batch = desk.take()
    assert ((), ["stats.BTCUSDT"]) == (tuple(batch.updates), [topic for topic, _ in batch.values])
    assert {"BTCUSDT"} == figures(batch).keys()


def test_once_a_second_the_newest_wins() -> None:
    """However many come of a symbol; another symbol does not wait for that."""
    desk = Desk()
    sent: dict[str, list[tuple[float, str]]] = {}
    for number in range(100):
        desk.put(last=f"{number}.0", ts_us=number)
        if number == 50:
            desk.put("ETHUSDT")
        for symbol, its in desk.pass_time(0.05).items():
            sent.setdefault(symbol, []).extend(its)
    for symbol, its in desk.pass_time(2).items():
        sent.setdefault(symbol, []).extend(its)
    times = [at for at, _ in sent["BTCUSDT"]]
    assert all(after - before >= SYMBOL_S - 1e-6 for before, after in pairwise(times))
    assert 5 <= len(times) <= 7
    assert "99.0" == sent["BTCUSDT"][-1][1]
    assert 1 == len(sent["ETHUSDT"])
    assert sent["ETHUSDT"][0][0] <= 100 + 50 * 0.05 + GAP_S + 0.06


def test_figures_of_many_symbols_go_together() -> None:
    """A publish costs every gateway the same for one symbol and for many; a batch has so many at most."""
    desk = Desk()
    for number in range(MOST_IN_BATCH + 1):
        desk.put(f"S{number}")
    batch = desk.take()
    assert 2 == len(batch.events)
    assert MOST_IN_BATCH + 1 == len(figures(batch))
    desk.put("LATE")
    assert desk.now + GAP_S == desk.subject.due_at


def test_only_what_has_changed_is_sent() -> None:
    """A later time alone is no news: quiet symbols are asked about by REST again and again."""
    desk = Desk()
    desk.put(open_us=1, close_us=2)
    desk.take()
    desk.put(ts_us=8_000, open_us=3, close_us=4)
    assert {} == desk.pass_time(3)
    desk.put(last="1.00", ts_us=9_000)
    assert ["1.00"] == [last for _, last in desk.pass_time(3)["BTCUSDT"]]


def test_late_figures_are_dropped() -> None:
    """Two connections overlap, and a stand-in answers late; a clock that was set back is believed."""
    desk = Desk()
    desk.put(last="2", ts_us=100_000_000)
    desk.put(last="1", ts_us=99_000_000)
    assert 1 == desk.subject.drops["out_of_order"]
    assert ["2"] == [last for _, last in desk.pass_time(1)["BTCUSDT"]]
    desk.put(last="0", ts_us=7)
    assert ["0"] == [last for _, last in desk.pass_time(2)["BTCUSDT"]]


def test_a_wrong_number_costs_itself_alone() -> None:
    """What is no plain decimal is left out and counted."""
    desk = Desk()
    desk.subject.put(Stats(symbol="BTCUSDT", ts_us=7, last="1.0", high=1.5, low="1e5", trades=-1))  # type: ignore[arg-type]
    assert {"BTCUSDT": Stats(symbol="BTCUSDT", ts_us=7, last="1.0")} == figures(desk.take())
    assert 3 == desk.subject.drops["malformed"]


def test_a_new_term_sends_everything_again() -> None:
    """The bus may have come back empty, or hold another poller's."""
    desk = Desk()
    desk.put()
    desk.put("ETHUSDT")
    desk.subject.listed("BTCUSDT", TRADING)
    desk.take()
    desk.subject.begin()
    assert desk.subject.due_at <= desk.now
    batch = desk.take()
    assert {"BTCUSDT", "ETHUSDT"} == figures(batch).keys()
    assert ["instruments.binance"] == [topic for topic, _ in batch.values]


def test_the_listing_is_kept_and_sent_when_it_changes() -> None:
    """Whole; an equal entry is no change."""
    desk = Desk(venue="coinbase")
    desk.subject.listed("coinbase:BTC-USD", TRADING)
    desk.subject.listed("coinbase:ETH-USD", TRADING)
    batch = desk.take()
    [(topic, payload)] = batch.values
    assert ("instruments.coinbase", [("0#batch.coinbase.instruments", payload)]) == (topic, list(batch.events))
    listing = decode_listing(payload)
    assert ["BTC-USD", "ETH-USD"] == [its.native for its in listing.symbols]
    assert "0.01000000" == listing.symbols[0].tick_size
    desk.subject.listed("coinbase:BTC-USD", TRADING)
    assert NEVER == desk.subject.due_at
    desk.subject.listed("coinbase:BTC-USD", Instrument("halted"))
    assert "halted" == decode_listing(desk.take().values[0][1]).symbols[0].status
    desk.subject.forget("coinbase:BTC-USD")
    assert ["ETH-USD"] == [its.native for its in decode_listing(desk.take().values[0][1]).symbols]


def test_what_is_not_served_any_more_is_not_sent() -> None:
    """Not even in a new term."""
    desk = Desk()
    desk.put()
    desk.subject.forget("BTCUSDT")
    assert {} == figures(desk.take())
    desk.subject.begin()
    assert {} == figures(desk.take())


def test_another_source_begins_with_nothing_known() -> None:
    """Simulated figures must not pass for an exchange's."""
    desk = Desk()
    desk.put(ts_us=1_000)
    desk.take()
    desk.now += 1
    desk.subject.clear("BTCUSDT", 2_000)
    desk.subject.clear("ETHUSDT", 2_000)
    assert {"BTCUSDT": nothing_known("BTCUSDT", 2_000)} == figures(desk.take())
    # The exchange's clock may be behind ours.
    desk.put(last="5", ts_us=1_999)
    assert ["5"] == [last for _, last in desk.pass_time(2)["BTCUSDT"]]


def test_a_refusal_is_said_once_and_tried_again_more_and_more_seldom(caplog: pytest.LogCaptureFixture) -> None:
    """A bus that takes ticks may refuse these topics for good; nothing that waits is lost."""
    desk = Desk()
    pauses = []
    desk.put()
    with caplog.at_level(logging.INFO):
        for number in range(10):
            desk.now = max(desk.now, desk.subject.due_at)
            assert {"BTCUSDT"} == figures(desk.subject.take()).keys()
            desk.subject.refuse(BusDownError("NOPERM"))
            desk.put(ts_us=10 + number)
            pauses.append(desk.subject.due_at - desk.now)
        assert (REFUSED_S[0], REFUSED_S[1]) == (pauses[0], pauses[-1])
        assert pauses == sorted(pauses)
        desk.now = desk.subject.due_at
        assert {"BTCUSDT"} == figures(desk.take()).keys()
    assert ["WARNING", "INFO"] == [record.levelname for record in caplog.records]
    assert "NOPERM" in caplog.text


def test_what_changes_during_a_publish_is_not_lost() -> None:
    """Nor does a symbol that is removed meanwhile come back, whether the bus takes the rest or not."""
    for refused in (False, True):
        desk = Desk()
        desk.subject.listed("BTCUSDT", TRADING)
        desk.put()
        desk.put("ETHUSDT")
        desk.subject.take()
        desk.put(last="2.0", ts_us=8)
        desk.subject.forget("ETHUSDT")
        desk.subject.listed("BTCUSDT", Instrument("halted"))
        if refused:
            desk.subject.refuse(BusDownError("no answer"))
        else:
            desk.subject.confirm()
        assert ["2.0"] == [last for _, last in desk.pass_time(3)["BTCUSDT"]]
        assert "ETHUSDT" not in {symbol for batch in desk.batches for symbol in figures(batch)}
        [listing] = [decode_listing(payload) for batch in desk.batches for _, payload in batch.values]
        assert ["halted"] == [its.status for its in listing.symbols]


@given(st.lists(st.tuples(st.sampled_from("ABC"), decimals, st.floats(0, 2)), max_size=30))
def test_the_newest_always_arrives_to_the_digit(updates: list[tuple[str, str, float]]) -> None:
    """Whatever comes when: at last the bus has the newest figures of each symbol."""
    desk, kept = Desk(3), dict[str, bytes]()

    def run(seconds: float) -> None:
        seen = len(desk.batches)
        desk.pass_time(seconds)
        for batch in desk.batches[seen:]:
            kept.update(batch.updates)

    newest: dict[str, str] = {}
    for number, (symbol, last, seconds) in enumerate(updates):
        desk.put(symbol, last, number)
        newest[symbol] = last
        run(seconds)
    run(3)
    assert newest == {symbol: decode_stats(kept[f"stats.{symbol}"]).last for symbol in newest}
