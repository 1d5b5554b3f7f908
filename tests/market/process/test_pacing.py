"""Events that come seldom are never spaced; those that come often are."""

from hypothesis import given
from hypothesis import strategies as st

from market.process.pacing import Pacing


def test_seldom_events_never_wait() -> None:
    """Events at the interval or slower never wait, however long they go on."""
    subject = Pacing(0.002, 50)
    assert all(subject.wait_s(number * 0.002) <= 1e-9 for number in range(10_000))


def test_a_burst_after_a_quiet_time_never_waits() -> None:
    """As many events as the credit says may come at once."""
    subject = Pacing(0.002, 50)
    assert all(subject.wait_s(5.0) <= 0 for _ in range(50))
    assert 0 < subject.wait_s(5.0)


@given(st.lists(st.floats(0, 0.01), min_size=200, max_size=400))
def test_often_is_once_in_the_interval(gaps: list[float]) -> None:
    """If each waits as long as it should, no more happen than the interval and the credit allow."""
    subject, now, times = Pacing(0.002, 50), 0.0, list[float]()
    for gap in gaps:
        times.append(now)
        now += max(gap, subject.wait_s(now))
    for first in range(0, len(times), 20):
        for last in range(first, len(times), 20):
            assert last - first <= 52 + (times[last] - times[first]) / 0.002
