"""How fast this processor is."""

import os

from bench.capacity import yardstick


def test_it_measures_its_own_time_and_comes_back_to_its_cores() -> None:
    """A message through the kernel takes some microseconds; sleeping counts for nothing."""
    before = os.sched_getaffinity(0)
    assert 0.1 < yardstick.measure_us(min(before)) < 200
    assert os.sched_getaffinity(0) == before
