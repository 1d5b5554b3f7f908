"""One metric, as a scrape finds it."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from market.metrics.histogram import Histogram

Kind = Literal["counter", "gauge", "histogram"]

Values = Mapping[Any, float] | Mapping[Any, Histogram]


class Family(Struct, frozen=True):
    """A metric and its values now."""

    name: str
    """With the suffix that a query has."""
    kind: Kind
    meaning: str
    """For an operator."""
    values: Values
    """The values of the labels, in their order → the value."""
    labels: tuple[str, ...] = ()
    """The labels' names."""


def counter(name: str, meaning: str, value: float) -> Family:
    """A number that only grows."""
    return Family(f"{name}_total", "counter", meaning, {(): value})


def counters(name: str, meaning: str, label: str, values: Iterable[tuple[str, float]]) -> Family:
    """Numbers that only grow, by a label."""
    return Family(f"{name}_total", "counter", meaning, {(one,): value for one, value in values}, (label,))


def gauge(name: str, meaning: str, value: float) -> Family:
    """A number."""
    return Family(name, "gauge", meaning, {(): value})


def gauges(name: str, meaning: str, label: str, values: Iterable[tuple[str, float]]) -> Family:
    """Numbers, by a label."""
    return Family(name, "gauge", meaning, {(one,): value for one, value in values}, (label,))


def histogram(name: str, meaning: str, value: Histogram) -> Family:
    """A distribution."""
    return Family(name, "histogram", meaning, {(): value})


def histograms(name: str, meaning: str, label: str, values: Mapping[str, Histogram]) -> Family:
    """Distributions, by a label."""
    return Family(name, "histogram", meaning, {(one,): value for one, value in values.items()}, (label,))
