"""The quality of prices."""

from poller.quality import PATIENCE_S, QualityMonitor, QualityProblem

WRONG = "the exchange's prices cannot be used: crossed quote"


class Timed:
    """A quality monitor and its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.subject = QualityMonitor(lambda: self.now, lambda: int(self.now * 1e6))


def test_a_symbol_without_a_usable_quote_is_a_fault_of_its_own() -> None:
    """Another symbol's good quotes do not clear it, its own does; the time is that of the first bad one."""
    timed = Timed()
    subject = timed.subject
    subject.bad("BTCUSDT", "malformed")
    for _ in range(4):
        timed.now += PATIENCE_S / 4
        assert {} == subject.problems() or timed.now >= 100 + PATIENCE_S
        subject.good("ETHUSDT")
        subject.bad("BTCUSDT", "crossed_quote")
    # The first reason stays; each other one would be news.
    assert {"BTCUSDT": QualityProblem(WRONG.replace("crossed quote", "malformed"), 100_000_000)} == subject.problems()
    assert subject.problem() is None
    subject.good("BTCUSDT")
    assert {} == subject.problems()


def test_nothing_but_nonsense_is_a_fault_of_the_feed() -> None:
    """If no quote of any symbol was usable, or even readable, the feed is at fault."""
    timed = Timed()
    subject = timed.subject
    subject.good("BTCUSDT")
    subject.bad(None, "malformed")
    timed.now += PATIENCE_S - 0.01
    assert subject.problem() is None
    timed.now += 0.01
    assert QualityProblem("the exchange's prices cannot be used: malformed", 100_000_000) == subject.problem()
    assert {} == subject.problems()
    subject.good("ETHUSDT")
    assert subject.problem() is None


def test_a_first_quote_that_does_not_come_is_a_fault() -> None:
    """An awaited symbol has time until the patience ends; it is no fault of the feed."""
    timed = Timed()
    timed.subject.awaited("BTCUSDT")
    timed.subject.awaited("ETHUSDT")
    timed.now += 1
    timed.subject.awaited("BTCUSDT")
    timed.subject.good("ETHUSDT")
    timed.now += PATIENCE_S - 1
    assert {"BTCUSDT": QualityProblem("no price yet", 100_000_000)} == timed.subject.problems()
    assert timed.subject.problem() is None
    timed.subject.forget("BTCUSDT")
    assert {} == timed.subject.problems()
    timed.subject.awaited("BTCUSDT", patiently=False)
    assert ["BTCUSDT"] == list(timed.subject.problems())
    timed.subject.good("BTCUSDT")
    assert {} == timed.subject.problems()
