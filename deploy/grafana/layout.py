"""Where each row's title and each panel stands: left to right, and on a new line when one is full."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from deploy.grafana.panels import Panel, Row
from deploy.grafana.rows import ROWS

COLUMNS: Final = 24
"""Of Grafana's grid."""


@dataclass(frozen=True)
class Place:
    """A title or a panel, and its place in columns and lines of Grafana's grid."""

    what: str | Panel
    x: int
    y: int
    width: int
    height: int


def placed(rows: tuple[Row, ...] = ROWS) -> Iterator[Place]:
    """All of them, from the top."""
    top = 0
    for row in rows:
        yield Place(row.title, 0, top, COLUMNS, 1)
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, height = top + height, 0, 0
            yield Place(panel, left, top, panel.width, panel.height)
            left, height = left + panel.width, max(height, panel.height)
        top += height
