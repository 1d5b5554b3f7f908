"""The least time between two events."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from poller.network.pacing import RollingLimit
from tests.fakes import run_virtual


def test_first_event_is_free() -> None:
    """The first event does not wait."""
    assert 0.0 == RollingLimit(5, 1.0, 0.5).delay_s(123.0)


def test_gap_between_two_events() -> None:
    """The second event waits for the rest of the gap."""
    limit = RollingLimit(5, 1.0, 0.5)
    limit.spend(10.0)
    assert 0.375 == limit.delay_s(10.125)
    assert 0.0 == limit.delay_s(10.5)


def test_full_window_waits_for_its_oldest_event() -> None:
    """When the window is full, the next event waits until the oldest has left it."""
    limit = RollingLimit(3, 10.0)
    for now in (0.0, 1.0, 2.0):
        assert 0.0 == limit.delay_s(now)
        limit.spend(now)
    assert 7.0 == limit.delay_s(3.0)
    limit.spend(10.0)
    assert 1.0 == limit.delay_s(10.0)


@given(
    count=st.integers(1, 6),
    window=st.integers(1, 50),
    gap=st.integers(0, 20),
    idle=st.lists(st.integers(0, 30), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more(count: int, window: int, gap: int, idle: list[int]) -> None:
    """For any events no window of that length holds more than allowed, and no two are too close."""
    limit = RollingLimit(count, float(window), float(gap))
    now, events = 0.0, []
    for pause in idle:
        now += pause
        now += limit.delay_s(now)
        limit.spend(now)
        events.append(now)
    assert all(later - earlier >= window for earlier, later in zip(events, events[count:], strict=False))
    assert all(later - earlier >= gap for earlier, later in pairwise(events))


def test_turns_are_taken_as_the_limit_allows() -> None:
    """`turn` paces a loop that calls it as fast as it can."""

    async def main() -> list[float]:
        limit = RollingLimit(2, 10.0, 1.0)
        times = []
        for _ in range(5):
            await limit.turn()
            times.append(asyncio.get_running_loop().time())
        return times

    assert [0.0, 1.0, 10.0, 11.0, 20.0] == run_virtual(main())
