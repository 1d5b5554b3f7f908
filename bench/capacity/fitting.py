"""Unit costs from measured sums: least squares, no cost below zero."""

from collections.abc import Mapping, Sequence

_ROUNDS = 20_000
_STILL = 1e-12


def fit(rows: Sequence[Mapping[str, float]], sums: Sequence[float]) -> dict[str, float]:
    """The cost of each kind of work, so that each row's work costs its sum, with the least *relative* errors.

    A row is what was done, ``sums`` what all of it cost. Solved one cost after the other, again and again: Lawson and
    Hanson's problem of least squares with bounds, by coordinate descent.

    Raises:
        ValueError: there is no row, or a sum that is not positive.
    """
    if not rows or len(rows) != len(sums) or min(sums) <= 0:
        raise ValueError("a fit needs rows, and a positive sum for each")
    names = sorted({name for row in rows for name in row})
    scaled = [[row.get(name, 0.0) / total for name in names] for row, total in zip(rows, sums, strict=True)]
    squares = [sum(row[index] ** 2 for row in scaled) for index in range(len(names))]
    costs = [0.0] * len(names)
    left = [1.0] * len(scaled)
    for _ in range(_ROUNDS):
        moved = 0.0
        for index, square in enumerate(squares):
            if not square:
                continue
            gain = sum(row[index] * rest for row, rest in zip(scaled, left, strict=True)) / square
            step = max(-costs[index], gain)
            if step:
                costs[index] += step
                left = [rest - row[index] * step for row, rest in zip(scaled, left, strict=True)]
                moved = max(moved, abs(step) * square**0.5)
        if moved < _STILL:
            break
    return dict(zip(names, costs, strict=True))
