"""What the dashboard asks for can be asked, and exists."""

from pathlib import Path

import pytest

from deploy.grafana.panels import RATE, Panel
from deploy.grafana.rows import ROWS
from tests.prometheus import assert_queries, exported, metrics_of

PANELS = [panel for row in ROWS for panel in row.panels]


def test_each_query_is_one(tmp_path: Path) -> None:
    """`promtool` can parse it."""
    assert_queries([query.expr.replace(RATE, "20s") for panel in PANELS for query in panel.queries], tmp_path)


def test_each_query_names_metrics_that_are_exported() -> None:
    """A panel whose metric was renamed would be empty."""
    known = exported()
    asked = {panel.title: {name for query in panel.queries for name in metrics_of(query.expr)} for panel in PANELS}
    assert {title: names - known for title, names in asked.items() if names - known} == {}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_each_panel_says_what_it_shows(panel: Panel) -> None:
    """In a sentence; and what has words for 0 and 1 has no bounds."""
    assert panel.description.endswith(".")
    assert panel.words is None or (panel.warn is None and panel.bad is None)
    # Lines of one panel are told apart.
    assert panel.kind == "table" or len({query.legend for query in panel.queries}) == len(panel.queries)


def test_the_first_row_answers_the_first_question() -> None:
    """Whether prices are fresh, for whom not, and why: all of it on one screen."""
    assert ROWS[0].title == "Are prices fresh, for whom not, and why?"
    assert {"Fresh?", "For whom not", "Why"} <= {panel.title for panel in ROWS[0].panels}


def test_the_first_row_says_who_is_out_of_service_since_others_are_fresher() -> None:
    """The alert about it sends its reader there."""
    (why,) = (panel for panel in ROWS[0].panels if panel.title == "Why")
    assert "tickgate_behind" in {name for query in why.queries for name in metrics_of(query.expr)}
