"""Updates of many symbols: counts and log lines."""

import logging

import pytest

from poller.ticks.book import Outcome
from tests.poller.ticks.test_book import processor, quote, summary


def test_left_out_fields_are_counted() -> None:
    """Each field that a tick leaves out is counted by its name."""
    subject = processor()
    for number in range(3):
        subject.process(quote(number, ask_size="x"))
    subject.process(summary(volume="99999999999999"))
    assert {"ask_size": 3, "volume": 1} == subject.left_out


def test_a_symbol_that_is_forgotten_is_unknown() -> None:
    """A symbol that is no longer served makes no tick."""
    subject = processor()
    before = subject.symbols
    assert ("BTCUSDT", "SHIBUSDT") == before
    subject.forget("BTCUSDT")
    assert Outcome(dropped="unknown_symbol") == subject.process(quote())
    assert ("SHIBUSDT",) == subject.symbols


def test_drops_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The first wrong update of each kind and symbol is logged; repetitions and normal drops are not."""
    subject = processor()
    for update_id in range(100):
        for update in (quote(update_id, bid="65000.03"), quote(update_id, ask="x"), quote(update_id), quote(update_id)):
            subject.process(update)
    assert ["crossed_quote", "malformed"] == [
        record.getMessage().split(",")[0].removeprefix("dropped as ") for record in caplog.records
    ]
    assert (100, 100) == (subject.drops["crossed_quote"], subject.drops["malformed"])


def test_a_stranger_s_symbols_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """For any number of unknown symbols of any length the log is bounded, and all are counted."""
    subject = processor()
    caplog.set_level(logging.INFO)
    for number in range(3_000):
        subject.process(quote(symbol=f"X{number}" + "Y" * 10_000))
    assert 3_000 == subject.drops["unknown_symbol"]
    assert len(caplog.records) <= 1_000
    assert all(len(record.getMessage()) < 600 for record in caplog.records)
