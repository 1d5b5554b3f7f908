"""Unit costs from sums."""

import random

import pytest

from bench.capacity.fitting import fit


def test_costs_are_found_again_from_their_sums() -> None:
    """Four kinds of work in eight mixtures."""
    rng = random.Random(3)
    costs = {"a": 2.0, "b": 0.5, "c": 30.0, "d": 700.0}
    rows = [{name: rng.random() * 1_000 / cost for name, cost in costs.items()} for _ in range(8)]
    sums = [sum(row[name] * cost for name, cost in costs.items()) for row in rows]
    assert fit(rows, sums) == pytest.approx(costs, rel=1e-3)


def test_no_cost_is_below_zero() -> None:
    """What seems to save time costs nothing, and the rest explains what it can."""
    found = fit([{"a": 1, "b": 1}, {"a": 1, "b": 2}], [2.0, 1.0])
    assert found["b"] == 0
    assert found["a"] > 0


@pytest.mark.parametrize(("rows", "sums"), [([], []), ([{"a": 1}], [0.0]), ([{"a": 1}], [1.0, 2.0])])
def test_what_cannot_be_fitted_is_refused(rows: list[dict[str, float]], sums: list[float]) -> None:
    """No row, no sum, or not one for each."""
    with pytest.raises(ValueError, match="positive sum for each"):
        fit(rows, sums)
