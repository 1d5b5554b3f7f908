"""The dashboard's file is made of the rows, and Grafana can lay it out."""

import json
from itertools import combinations
from typing import Any

from deploy.grafana.dashboard import FILE, make
from deploy.grafana.rows import ROWS

PANELS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["panels"]


def test_the_file_is_made_of_the_rows() -> None:
    """`make reference` writes it anew."""
    assert make() == FILE.read_text(encoding="utf-8")


def test_each_query_of_the_rows_is_in_the_file() -> None:
    """A panel asks what its row says, in that order, of the source that the page's reader chooses."""
    panels = [panel for panel in PANELS if panel["type"] != "row"]
    asked = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in panels}
    assert asked == {panel.title: [query.expr for query in panel.queries] for row in ROWS for panel in row.panels}
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {"${datasource}"}


def test_no_panel_lies_upon_another() -> None:
    """Each has a number of its own and a place of its own within 24 columns."""
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    places = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in PANELS)
    ]
    assert all(0 <= x < 24 for place in places for x, _ in place)
    assert not any(one & other for one, other in combinations(places, 2))
