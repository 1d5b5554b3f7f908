"""The pauses between tries."""

import random

from hypothesis import given
from hypothesis import strategies as st

from poller.network.backoff import Backoff


class Highest(random.Random):
    """A random source that always draws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_ceiling_doubles_up_to_the_cap() -> None:
    """Each failure doubles what may be waited, never beyond the cap."""
    backoff = Backoff(1.0, 10.0, Highest())
    assert [1.0, 2.0, 4.0, 8.0, 10.0, 10.0] == [backoff.next_s() for _ in range(6)]


def test_reset_starts_over() -> None:
    """After a success the next failure waits as the first did."""
    backoff = Backoff(1.0, 10.0, Highest())
    backoff.next_s()
    backoff.next_s()
    backoff.reset()
    assert 1.0 == backoff.next_s()


@given(seed=st.integers(), failures=st.integers(1, 200))
def test_jitter_is_full(seed: int, failures: int) -> None:
    """A delay lies anywhere between zero and the ceiling, after any number of failures."""
    backoff = Backoff(0.5, 30.0, random.Random(seed))
    delays = [backoff.next_s() for _ in range(failures)]
    assert all(0.0 <= delay <= min(30.0, 0.5 * 2**n) for n, delay in enumerate(delays))


def test_jitter_spreads() -> None:
    """Many clients failing together do not return together."""
    delays = {round(Backoff(8.0, 8.0, random.Random(seed)).next_s()) for seed in range(200)}
    assert set(range(9)) == delays
