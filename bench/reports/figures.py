"""Percentiles and medians, without flattering rounding."""

import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of ``values`` do not exceed (nearest rank).

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(share * 1_000_000) // 1_000_000))
    return ordered[min(rank, len(ordered)) - 1]


def median(values: Sequence[float | None]) -> float | None:
    """The median of the measured values, or None if there are none."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def drift(values: Sequence[float]) -> float:
    """How much the last fifth's mean lies above the second fifth's, as a share of it: 0.01 is 1 % more.

    The first fifth is left out: buffers and allocators fill.

    Raises:
        ValueError: fewer than five values.
    """
    fifth = len(values) // 5
    if not fifth:
        raise ValueError("fewer than five values")
    early = statistics.fmean(values[fifth : 2 * fifth])
    return statistics.fmean(values[-fifth:]) / early - 1
