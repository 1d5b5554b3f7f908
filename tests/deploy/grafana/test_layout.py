"""Panels stand from left to right, below the title of their row."""

from deploy.grafana.layout import placed
from deploy.grafana.panels import Panel, Row


def _panel(width: int, height: int) -> Panel:
    return Panel(title="", description="", kind="stat", queries=(), width=width, height=height)


def test_a_panel_without_room_begins_a_new_line() -> None:
    """The line begins below the highest panel of the one before."""
    rows = (Row("one", (_panel(12, 3), _panel(8, 5), _panel(8, 4))), Row("two", (_panel(24, 2),)))
    places = [(place.x, place.y, place.width, place.height) for place in placed(rows)]
    assert places == [(0, 0, 24, 1), (0, 1, 12, 3), (12, 1, 8, 5), (0, 6, 8, 4), (0, 10, 24, 1), (0, 11, 24, 2)]
