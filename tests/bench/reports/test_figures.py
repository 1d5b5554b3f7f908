"""Percentiles and medians."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reports.figures import drift, median, percentile


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (0.999, 100), (1, 100), (0.01, 1), (0, 1)])
def test_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    """Of the numbers 1 to 100, the percentile of that name is the number itself."""
    assert percentile(range(100, 0, -1), share) == expected


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.floats(0, 1))
def test_percentile_is_one_of_the_values(values: list[float], share: float) -> None:
    """No percentile is invented between two values."""
    assert percentile(values, share) in values


def test_percentile_of_nothing_is_refused() -> None:
    """There is no percentile of no values."""
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_median_leaves_out_what_was_not_measured() -> None:
    """Rounds in which a figure is missing do not count as zero."""
    assert median([None, 3.0, 1.0, None, 2.0]) == 2.0


def test_median_of_nothing_measured_is_none() -> None:
    """What was never measured stays unmeasured."""
    assert median([None, None]) is None


def test_drift_compares_the_end_with_the_time_after_the_start() -> None:
    """The first fifth, in which buffers fill, is left out."""
    assert drift([1, 100, 100, 105, 110]) == pytest.approx(0.1)


def test_drift_of_a_flat_line_is_zero() -> None:
    """What does not grow has no drift."""
    assert drift([7.0] * 60) == 0


def test_drift_needs_five_values() -> None:
    """Fewer readings than fifths say nothing."""
    with pytest.raises(ValueError, match="fewer than five"):
        drift([1, 2, 3, 4])
