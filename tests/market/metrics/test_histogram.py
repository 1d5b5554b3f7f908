"""Values in buckets."""

from hypothesis import example, given
from hypothesis import strategies as st

from market.metrics.histogram import Histogram, seconds


def test_bounds_double_and_are_inclusive() -> None:
    """1, 2, 4 and 8 µs: what is exactly a bound is below it."""
    histogram = Histogram(0, 3, unit=1e-6)
    for value in (1, 2, 3, 4, 5, 8, 9):
        histogram.observe(value)
    assert [("1e-06", 1), ("2e-06", 2), ("4e-06", 4), ("8e-06", 6), ("+Inf", 7)] == list(histogram.buckets())
    assert 7 == histogram.count
    assert 32e-6 == histogram.total


def test_what_clocks_make_negative_counts_as_nothing() -> None:
    """Another host's clock may be ahead."""
    histogram = seconds()
    histogram.observe(-5_000_000)
    histogram.observe(0)
    assert (2, 0) == (histogram.count, histogram.total)
    assert [2] * 22 == [count for _, count in histogram.buckets()]


@example([2**40 + 1], 10, 30)
@given(st.lists(st.integers(0, 2**70)), st.integers(0, 20), st.integers(0, 30))
def test_each_bucket_has_what_is_at_most_its_bound(values: list[int], lowest: int, more: int) -> None:
    """However large: beyond the last bound there is +Inf."""
    histogram = Histogram(lowest, lowest + more, unit=1)
    for value in values:
        histogram.observe(value)
    *bounds, (last, count) = histogram.buckets()
    assert [sum(value <= float(bound) for value in values) for bound, _ in bounds] == [count for _, count in bounds]
    assert ("+Inf", len(values)) == (last, count)
    assert sum(values) == histogram.total
