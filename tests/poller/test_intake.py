"""The way of a source's reports."""

from typing import Any, Literal

import pytest

from market.prices.instruments import Instrument, Scales
from market.prices.stats import Stats
from market.prices.tick import Tick
from market.wire.listings import decode_listing
from market.wire.stats import decode_stats
from poller.intake import Intake
from poller.publishing.sequencer import Sequencer
from poller.publishing.slow_topics import SlowTopics
from poller.quality import PATIENCE_S, QualityMonitor
from poller.source import Update
from poller.states import SymbolStates
from tests.poller.ticks.test_book import quote, summary

TRADING = Instrument("trading", Scales(2, 5))


class Desk:
    """An intake with everything behind it, on a clock that the test moves."""

    def __init__(self, **instruments: Instrument) -> None:
        self.now = 100.0
        self.ticks: list[Tick] = []
        self.doubted: list[str] = []
        self.quality = QualityMonitor(lambda: self.now, self.now_us)
        self.states = SymbolStates(self.now_us)
        self.slow_topics = SlowTopics(1, clock=lambda: self.now, symbol_channels=True)
        sequencer = Sequencer(["BTCUSDT", "SHIBUSDT"])
        self.subject = Intake(
            instruments,
            sequencer.take,
            self.ticks.append,
            self.quality,
            self.states,
            self.slow_topics,
            doubt=self.doubted.append,
            now_us=self.now_us,
        )

    def now_us(self) -> int:
        return int(self.now * 1e6)

    def published(self) -> dict[str, bytes]:
        """What is published besides ticks, a second later: topic → payload."""
        self.now += 1
        batch = self.slow_topics.take()
        self.slow_topics.confirm()
        return dict([*batch.updates, *batch.values])

    def settle(self, seconds: float = 0.0) -> dict[str, Any]:
        """The states, this many seconds later."""
        self.now += seconds
        self.states.settle(self.quality.problems(), up=True)
        return {its.symbol: (its.state, its.reason) for its in self.states.whole().others}


def test_what_an_update_was_worth() -> None:
    """A tick is news, a repetition is known, and a wrong quote is unusable."""
    desk = Desk(BTCUSDT=TRADING)
    updates = [quote(1), quote(1), quote(2, bid="65000.03"), summary(), summary(last="x", volume="y"), quote(3)]
    assert ["news", "known", "unusable", "news", "known", "news"] == [desk.subject.update(its) for its in updates]
    assert 3 == len(desk.ticks)


def test_a_symbol_is_stale_once_its_quotes_make_no_sense_for_long() -> None:
    """Three seconds of wrong quotes make only their symbol stale; a good quote ends it, a summary does not."""
    desk = Desk(BTCUSDT=TRADING, SHIBUSDT=TRADING)
    desk.subject.update(quote(1))
    desk.subject.update(quote(1, symbol="SHIBUSDT"))
    desk.subject.update(quote(2, ask="x"))
    assert {} == desk.settle(PATIENCE_S - 0.1)
    desk.subject.update(summary())
    desk.subject.update(quote(2, symbol="SHIBUSDT"))
    assert {"BTCUSDT": ("stale", "the exchange's prices cannot be used: malformed")} == desk.settle(0.1)
    desk.subject.update(quote(3))
    assert {} == desk.settle()


def test_what_cannot_be_read_counts_as_nonsense() -> None:
    """It is reported for its symbol, if that is known."""
    desk = Desk(BTCUSDT=TRADING, SHIBUSDT=TRADING)
    desk.subject.update(quote(1))
    desk.subject.unreadable("SHIBUSDT", "malformed")
    desk.subject.unreadable(None, "malformed")
    desk.subject.update(quote(2))
    assert ["SHIBUSDT"] == list(desk.settle(PATIENCE_S))


def test_a_symbol_without_any_price_is_stale_after_a_while() -> None:
    """From the start on a price is due, after some time."""
    desk = Desk(BTCUSDT=TRADING, SHIBUSDT=TRADING)
    desk.subject.update(quote(1))
    assert {} == desk.settle(PATIENCE_S - 1)
    desk.subject.listed("SHIBUSDT", TRADING)
    assert {"SHIBUSDT": ("stale", "no price yet")} == desk.settle(1)
    desk.subject.update(quote(1, symbol="SHIBUSDT"))
    assert {} == desk.settle()


@pytest.mark.parametrize("status", ["halted", "unknown", "delisted"])
def test_a_symbol_that_is_traded_again_is_live_with_its_first_price(
    status: Literal["halted", "unknown", "delisted"],
) -> None:
    """While it is not traded no price is due; once it is, it is stale until a price comes, even a one-sided one."""
    desk = Desk(BTCUSDT=TRADING, SHIBUSDT=Instrument(status, reason="BREAK"))
    desk.subject.update(quote(1))
    assert {"SHIBUSDT": (status, "BREAK")} == desk.settle(10)
    desk.subject.listed("SHIBUSDT", TRADING)
    assert {"SHIBUSDT": ("stale", "no price yet")} == desk.settle()
    desk.subject.update(summary(symbol="SHIBUSDT"))
    desk.subject.listed("SHIBUSDT", TRADING)
    assert {"SHIBUSDT": ("stale", "no price yet")} == desk.settle()
    desk.subject.update(quote(1, symbol="SHIBUSDT", bid="0.00000000"))
    assert {} == desk.settle()


def test_a_halt_is_reported_with_a_tick() -> None:
    """When a symbol stops trading its price is removed first; later quotes have the listing read again."""
    desk = Desk(BTCUSDT=TRADING)
    desk.subject.update(quote(1))
    desk.subject.listed("BTCUSDT", Instrument("halted", reason="BREAK"))
    assert 2 == len(desk.ticks)
    assert {"BTCUSDT": ("halted", "BREAK")} == desk.settle()
    assert [] == desk.doubted
    assert "known" == desk.subject.update(quote(2))
    assert ["BTCUSDT"] == desk.doubted
    assert {"BTCUSDT": ("halted", "BREAK")} == desk.settle(10)


def test_what_does_not_fit_is_doubted() -> None:
    """A quote finer than its instrument is a tick, and has the instrument looked up."""
    desk = Desk(BTCUSDT=TRADING)
    desk.subject.update(quote(1))
    assert [] == desk.doubted
    assert "news" == desk.subject.update(quote(2, bid="65000.015"))
    assert ["BTCUSDT"] == desk.doubted


def test_coverage_goes_to_the_states() -> None:
    """A symbol that does not arrive is stale until it does."""
    desk = Desk(BTCUSDT=TRADING, SHIBUSDT=TRADING)
    desk.subject.update(quote(1))
    desk.subject.update(quote(1, symbol="SHIBUSDT"))
    desk.subject.uncovered("BTCUSDT", "no stream")
    assert {"BTCUSDT": ("stale", "no stream")} == desk.settle()
    desk.subject.covered("BTCUSDT", "by REST")
    assert {"BTCUSDT": ("live", "by REST")} == desk.settle()


def test_a_symbol_that_is_forgotten_is_gone() -> None:
    """A forgotten symbol leaves nothing behind and makes no more ticks."""
    desk = Desk(BTCUSDT=TRADING, SHIBUSDT=TRADING)
    desk.subject.forget("BTCUSDT")
    assert ("SHIBUSDT",) == desk.subject.symbols
    assert "known" == desk.subject.update(quote(1))
    assert [] == desk.ticks
    assert ["SHIBUSDT"] == list(desk.settle(10))


def stats(symbol: str = "BTCUSDT", last: str = "1.0", ts_us: int = 1) -> Update:
    """A summary with figures of 24 hours."""
    return summary(symbol=symbol, last=last, stats=Stats(symbol=symbol, ts_us=ts_us, last=last))


def test_figures_of_24_hours_go_their_own_way() -> None:
    """Also of a symbol whose quote is wrong, or that is not traded; not of one that nobody asked for."""
    desk = Desk(BTCUSDT=TRADING, SHIBUSDT=Instrument("halted"))
    for update in (stats(), stats(), stats("SHIBUSDT"), stats("NOPE")):
        desk.subject.update(update)
    assert {"stats.BTCUSDT", "stats.SHIBUSDT", "instruments.binance"} == desk.published().keys()
    assert {} == desk.published()
    desk.subject.forget("SHIBUSDT")
    assert ["BTCUSDT"] == [its.symbol for its in decode_listing(desk.published()["instruments.binance"]).symbols]


def test_another_source_has_no_figures_at_first() -> None:
    """The old one's must not pass for the new one's."""
    desk = Desk(BTCUSDT=TRADING)
    desk.subject.update(stats(ts_us=1))
    desk.published()
    now_us = desk.now_us()
    desk.subject.clear()
    assert Stats(symbol="BTCUSDT", ts_us=now_us) == decode_stats(desk.published()["stats.BTCUSDT"])
