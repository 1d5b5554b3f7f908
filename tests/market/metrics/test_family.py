"""Metrics by their names."""

from market.metrics.family import counter, counters, gauge, gauges, histogram, histograms
from market.metrics.histogram import seconds


def test_a_counter_has_the_suffix_that_queries_have() -> None:
    """Prometheus' naming rules."""
    assert "made_total" == counter("made", "Made.", 1).name == counters("made", "Made.", "kind", []).name
    assert {"now"} == {gauge("now", "Now.", 1).name, gauges("now", "Now.", "kind", []).name}


def test_values_are_by_label() -> None:
    """One label at most here; without one there is one value."""
    assert ((), {(): 3}) == (gauge("now", "Now.", 3).labels, gauge("now", "Now.", 3).values)
    several = gauges("now", "Now.", "kind", [("a", 1), ("b", 2)])
    assert (("kind",), {("a",): 1, ("b",): 2}) == (several.labels, several.values)
    one = seconds()
    assert {(): one} == histogram("took", "Took.", one).values
    assert {("here",): one} == histograms("took", "Took.", "place", {"here": one}).values
