"""What a panel is: a title, queries, a unit, bounds."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["stat", "series", "timeline", "table"]
"""A number, lines over time, states over time, or a table of now."""
Unit = Literal["", "s", "bytes", "Bps", "ops", "percentunit"]
"""As Grafana names them; empty is a plain number."""

RATE: Final = "$__rate_interval"
"""Grafana puts in a time that has at least four scrapes."""


@dataclass(frozen=True)
class Query:
    """What Prometheus is asked, and what to call each series of the answer."""

    expr: str
    legend: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel."""

    title: str
    description: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: Unit = ""
    width: int = 8
    """Of 24."""
    height: int = 8
    warn: float | None = None
    """From here on it is yellow."""
    bad: float | None = None
    """From here on it is red."""
    words: tuple[str, str] | None = None
    """What 0 and 1 are called. 0 is red."""


@dataclass(frozen=True)
class Row:
    """Panels that answer one question."""

    title: str
    panels: tuple[Panel, ...]
