"""Times and sizes in buckets. Observing is some additions to plain integers: no lock, nothing is made.

Buckets double: the upper bound of bucket ``k`` is 2 ** k units, a microsecond or a byte. So the number of bits of a
value is its bucket, and no search is needed.
"""

from collections.abc import Iterator

_BUCKETS = 128
"""More bits than any value has."""


class Histogram:
    """Values in buckets that double. ``observe`` is for hot paths."""

    __slots__ = ("_counts", "_highest", "_lowest", "_total", "_unit")

    def __init__(self, lowest: int, highest: int, *, unit: float) -> None:
        """A scrape shows the bounds from 2 ** ``lowest`` to 2 ** ``highest``, each times ``unit``."""
        self._counts = [0] * _BUCKETS
        self._lowest = lowest
        self._highest = highest
        self._unit = unit
        self._total = 0

    def observe(self, value: int) -> None:
        """Count ``value``, in whole units. What is below zero, as clocks differ, counts as zero."""
        if value <= 1:
            self._counts[0] += 1
            self._total += value == 1
        else:
            # 2 ** k itself belongs to bucket k: a bound is inclusive.
            self._counts[(value - 1).bit_length()] += 1
            self._total += value

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    @property
    def total(self) -> float:
        """Their sum, in base units."""
        return self._total * self._unit

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Each upper bound in base units, and how many values were at most that; the last is ``+Inf``."""
        below = sum(self._counts[: self._lowest])
        for power in range(self._lowest, self._highest + 1):
            below += self._counts[power]
            # Doubling rounds nothing, so Python's shortest text of the product has every digit.
            yield str(2**power * self._unit), below
        yield "+Inf", self.count


def seconds(lowest: int = 6, highest: int = 26) -> Histogram:
    """A histogram of microseconds, shown in seconds: by default from 64 µs to 67 s."""
    return Histogram(lowest, highest, unit=1e-6)


def sizes(lowest: int = 6, highest: int = 24) -> Histogram:
    """A histogram of bytes: by default from 64 B to 16 MiB."""
    return Histogram(lowest, highest, unit=1)
