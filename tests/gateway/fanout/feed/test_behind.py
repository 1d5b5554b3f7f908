"""Symbols whose ticks are numbered below the one that is held; times are given."""

from gateway.fanout.feed.behind import BEHIND_S, Behind
from tests.fakes import tick


def test_a_symbol_of_which_nothing_else_comes_is_due_once() -> None:
    """With its newest tick, three seconds after the first of them, and then not again."""
    behind = Behind()
    for seq in (5, 7, 6):
        behind.add(tick("A", seq), now=10 + seq / 10)
    assert [] == behind.take_due(10.5 + BEHIND_S - 0.01)
    assert [tick("A", 7)] == behind.take_due(10.5 + BEHIND_S)
    assert [] == behind.take_due(100)


def test_each_symbol_is_judged_by_its_own_ticks() -> None:
    """One that is right again is forgotten, and waits as long as any other the next time; the others stay."""
    behind = Behind()
    for symbol in "ABC":
        behind.add(tick(symbol), now=0)
    behind.forget("B")
    behind.forget("nobody")
    behind.add(tick("B"), now=2)
    assert [tick("A"), tick("C")] == behind.take_due(4)
    assert [tick("B")] == behind.take_due(5)


def test_without_a_link_nobody_waits() -> None:
    """What a link brought is judged while that link lives."""
    behind = Behind()
    behind.add(tick(), now=0)
    behind.clear()
    assert {} == behind.waits
    assert [] == behind.take_due(10)
