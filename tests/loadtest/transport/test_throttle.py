"""Tests of `loadtest.transport._throttle`."""

import pytest

from loadtest.transport._throttle import Throttle


def test_reads_take_as_long_as_their_bytes() -> None:
    """Each read is followed by a wait, less the time that has passed since the one before."""
    throttle = Throttle(1000, 50.0)
    assert 100 == throttle.most
    assert pytest.approx(0.1) == throttle.wait_s(100, 50.0)
    assert pytest.approx(0.05) == throttle.wait_s(50, 50.1)
    assert pytest.approx(0.05) == throttle.wait_s(10, 50.11)


def test_only_the_last_second_is_made_up_for() -> None:
    """After a longer silence it reads what it could have read in one second at once, and no more."""
    throttle = Throttle(1000, 50.0)
    assert pytest.approx(0.0) == sum(throttle.wait_s(100, 90.0) for _ in range(10))
    assert pytest.approx(0.1) == throttle.wait_s(100, 90.0)


def test_the_slowest_reads_a_byte_at_once() -> None:
    """A rate below ten bytes a second is no rate of nothing."""
    assert 1 == Throttle(3, 50.0).most
