"""Symbols whose ticks are numbered below the one that is held; times are given."""

from gateway.fanout.feed.seq_regressions import REGRESSION_S, SeqRegressions
from tests.fakes import tick


def test_a_symbol_of_which_nothing_else_comes_is_due_once() -> None:
    """A symbol with only lower numbers is due once, with its newest tick, three seconds after the first."""
    regressions = SeqRegressions()
    for seq in (5, 7, 6):
        regressions.add(tick("A", seq), now=10 + seq / 10)
    assert [] == regressions.take_due(10.5 + REGRESSION_S - 0.01)
    assert [tick("A", 7)] == regressions.take_due(10.5 + REGRESSION_S)
    assert [] == regressions.take_due(100)


def test_each_symbol_is_judged_by_its_own_ticks() -> None:
    """A symbol that is right again is forgotten, and waits the full time the next time; others stay."""
    regressions = SeqRegressions()
    for symbol in "ABC":
        regressions.add(tick(symbol), now=0)
    regressions.forget("B")
    regressions.forget("nobody")
    regressions.add(tick("B"), now=2)
    assert [tick("A"), tick("C")] == regressions.take_due(4)
    assert [tick("B")] == regressions.take_due(5)


def test_without_a_link_nobody_waits() -> None:
    """Lower numbers count only while their link lives."""
    regressions = SeqRegressions()
    regressions.add(tick(), now=0)
    regressions.clear()
    assert {} == regressions.by_symbol
    assert [] == regressions.take_due(10)
