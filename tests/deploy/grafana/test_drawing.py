"""The picture shows what Prometheus answered, and nothing else."""

import math
import re
from xml.etree import ElementTree

import pytest

from deploy.grafana.drawing import Box, Line, draw, named, page, shown
from deploy.grafana.panels import Kind, Panel, Query, Unit
from deploy.grafana.prometheus import Series

BOX = Box(0, 0, 400, 200)


def _drawn(kind: Kind, lines: list[Line], *, words: tuple[str, str] | None = None, bad: float | None = None) -> str:
    panel = Panel(title="T < 1", description="What it is.", kind=kind, queries=(), words=words, bad=bad)
    picture = page(400, 200, draw(panel, BOX, lines, 0, 100))
    # Well formed, whatever the names have in them.
    ElementTree.fromstring(picture)  # noqa: S314 # our own
    return picture


def _line(name: str, *points: tuple[float, float], **labels: str) -> Line:
    return Line(name, Series(labels, list(points)))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (0, "s", "0 s"),
        (0.00002, "s", "20 µs"),
        (90, "s", "1.5 min"),
        (0.5, "percentunit", "50 %"),
        (1234, "", "1234"),
        (2_500_000, "Bps", "2.5 MB/s"),
        (12_345, "ops", "12.3 k/s"),
        (3, "", "3"),
        (math.nan, "s", "–"),
    ],
)
def test_numbers_are_shown_as_people_read_them(value: float, unit: Unit, text: str) -> None:
    """With a unit of a suitable size."""
    assert shown(value, unit) == text


def test_a_series_is_called_what_its_legend_says() -> None:
    """Labels stand for themselves; one that is missing leaves nothing."""
    found = [Series({"instance": "a:1", "venue": "binance"}, [(0, 1)]), Series({"instance": "b:1"}, [(0, 1)])]
    assert [line.name for line in named(Query("x", "{{instance}} {{venue}}"), found)] == ["a:1 binance", "b:1"]


def test_a_number_has_the_colour_of_its_bounds() -> None:
    """Red from the bound on, green below it."""
    assert "#e02f44" in _drawn("stat", [_line("now", (0, 5))], bad=5)
    assert "#e02f44" not in _drawn("stat", [_line("now", (0, 4.9))], bad=5)


def test_a_state_has_its_word() -> None:
    """In red if it is 0."""
    assert ">STALE<" in _drawn("stat", [_line("binance", (0, 0))], words=("STALE", "fresh"))
    assert ">fresh<" in _drawn("stat", [_line("binance", (0, 1))], words=("STALE", "fresh"))


def test_a_line_has_a_gap_where_there_is_no_number() -> None:
    """Two runs are two paths."""
    whole = _drawn("series", [_line("<a>", (0, 1), (10, 2), (20, 3), (30, 2))])
    unknown = _drawn("series", [_line("<a>", (0, 1), (10, 2), (20, math.nan), (30, 2))])
    missing = _drawn("series", [_line("<a>", (0, 1), (10, 2), (30, 2), (40, 3))])
    assert [drawn.count('fill="none"') for drawn in (whole, unknown, missing)] == [1, 2, 2]


def test_states_are_drawn_for_as_long_as_they_lasted() -> None:
    """A state that nothing said is neither."""
    points = [(float(at), float(at < 40)) for at in range(0, 60, 5)] + [(90.0, 0.0), (95.0, 0.0)]
    drawn = _drawn("timeline", [_line("gateway", *points)])
    widths = [float(width) for width in re.findall(r'd="M[\d.]+ [\d.]+h([\d.]+)v', drawn)]
    # 40 s live, 20 s stale, nothing, 10 s stale.
    assert len(widths) == 3
    assert [round(width / widths[0], 2) for width in widths] == [1, 0.5, 0.25]


def test_a_table_has_the_labels_that_say_something() -> None:
    """Each in a column; what fires is red."""
    labels = {"__name__": "ALERTS", "alertname": "TickgateFeedStale", "alertstate": "firing"}
    drawn = _drawn("table", [_line("", (0, 1), **labels)])
    assert ">TickgateFeedStale<" in drawn
    assert "__name__" not in drawn
    assert re.search(r'fill="#e02f44">firing<', drawn)


@pytest.mark.parametrize(("kind", "text"), [("stat", "no data"), ("series", "no data"), ("table", "none")])
def test_nothing_is_said(kind: Kind, text: str) -> None:
    """A panel without an answer is no empty box."""
    assert f">{text}<" in _drawn(kind, [])
