"""How busy the loop is, on clocks that go as far as the test says."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.pacing.load import WINDOW_S, Gaps, LoopLoad


class Thread:
    """A thread that works and waits; counts the readings of its CPU time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.used = 5.0
        self.readings = 0
        self.load = LoopLoad(lambda: self.now, self._cpu_time)

    def _cpu_time(self) -> float:
        self.readings += 1
        return self.used

    def spend(self, work_s: float, other_s: float) -> float:
        """Work, and then wait or be kept from working; return the share afterwards."""
        self.now += work_s + other_s
        self.used += work_s
        return self.load.busy


def test_it_is_the_share_of_the_last_tenth_of_a_second() -> None:
    """A thread that works 3 of 10 ms is busy to 30 %, and a tenth of a second after it stopped to nothing."""
    thread = Thread()
    for _ in range(50):
        thread.spend(0.003, 0.007)
    assert pytest.approx(0.3) == thread.load.busy
    shares = [thread.spend(0, 0.01) for _ in range(11)]
    assert shares == sorted(shares, reverse=True)
    assert pytest.approx(0.15, abs=0.03) == shares[4]
    assert 0 == shares[-1]


def test_nothing_is_known_at_first() -> None:
    """Before the first hundredth of a second is over the share is 0."""
    thread = Thread()
    assert (0, 1) == (thread.spend(0.009, 0), thread.readings)


def test_after_silence_the_share_is_that_of_the_whole_silence() -> None:
    """If nobody asked for ten seconds, the work of that time counts for no more than it was."""
    thread = Thread()
    thread.spend(0.01, 0)
    assert pytest.approx(0.05, abs=0.001) == thread.spend(0.49, 9.5)


@given(st.lists(st.tuples(st.floats(0, 0.03), st.floats(0, 0.03)), min_size=1, max_size=200))
def test_the_cpu_time_is_read_seldom_and_the_share_is_that_of_some_window(steps: list[tuple[float, float]]) -> None:
    """Readings are 10 ms apart; each share is within 0 and 1, and that of some recent time."""
    thread = Thread()
    past = [(thread.now, thread.used)]
    for work_s, other_s in steps:
        share = thread.spend(work_s, other_s)
        past.append((thread.now, thread.used))
        assert 0 <= share <= 1
        if thread.now - past[0][0] > 0.01 and (thread.now, thread.used) == thread.load._readings[-1][:2]:
            close = [
                (thread.used - used) / (thread.now - at)
                for at, used in past[:-1]
                if thread.now > at and (thread.now - at <= WINDOW_S + 0.07)
            ]
            assert any(abs(share - min(1, one)) < 1e-6 for one in close)
    assert thread.readings <= 1 + (thread.now - 1000) / 0.01 + 1e-6


def test_work_that_a_rest_saved_counts_for_the_demand_only() -> None:
    """A thread that works 3 of 10 ms, and rests in place of 9 more, is busy to 30 %; the demand is 1.2 cores."""
    thread = Thread()
    for _ in range(50):
        thread.load.save(0.009)
        thread.spend(0.003, 0.007)
    assert pytest.approx((0.3, 1.2)) == (thread.load.busy, thread.load.demand)
    for _ in range(11):
        thread.spend(0.003, 0.007)
    assert pytest.approx((0.3, 0.3)) == (thread.load.busy, thread.load.demand)


def test_who_waits_is_not_busy() -> None:
    """On the real clocks a thread that waits is not busy, though time passes."""
    load = LoopLoad(time.perf_counter)
    time.sleep(0.05)
    assert load.busy < 0.5


@pytest.mark.parametrize(("waited_s", "missing"), [(0.0, True), (0.0004, True), (0.0006, False), (0.004, False)])
def test_gaps_are_missing_if_nearly_all_the_time_is_work(waited_s: float, missing: bool) -> None:
    """Who waits for less than a tenth of the time, 5 ms at a time, falls behind."""
    gaps = Gaps()
    for _ in range(40):
        gaps.note(waited_s, 0.005 - waited_s)
    assert missing == gaps.missing


def test_a_short_time_without_a_gap_proves_nothing() -> None:
    """Three flushes of 10 ms in a row are a burst; and a burst after a long wait is none that was there before."""
    gaps = Gaps()
    for _ in range(3):
        gaps.note(0.0, 0.010)
    assert not gaps.missing
    for _ in range(30):
        gaps.note(0.0, 0.010)
    assert gaps.missing
    gaps.note(0.08, 0.005)
    assert not gaps.missing
