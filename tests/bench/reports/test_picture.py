"""The picture of a report."""

from xml.etree import ElementTree as ET

import pytest

from bench.reports.picture import draw
from bench.reports.report import Report
from bench.result import Result


def picture() -> ET.Element:
    """Draw a small report, and parse what was drawn."""
    results = [
        Result(scenario="bursts", contender="send_str", round=1, cpu_us_per_tick=8.0, p99_ms=2_400),
        Result(scenario="bursts", contender="gateway", round=1, cpu_us_per_tick=0.16, p99_ms=3.04),
        Result(scenario="bursts", contender="floor", round=1, cpu_us_per_tick=0.12),
    ]
    machine = {"cpu": "A <fast> & cheap CPU"}
    report = Report(when="2026-11-21T20:00:00", took_s=1, machine=machine, results=results)
    return ET.fromstring(draw(report))  # noqa: S314 - our own


def test_it_is_well_formed_whatever_the_machine_is_called() -> None:
    """Text is escaped."""
    assert any("<fast> & cheap" in (text.text or "") for text in picture().findall(".//{*}text"))


def test_bars_are_as_long_as_their_figures_and_in_their_order() -> None:
    """The cheapest comes first, and lengths are in proportion."""
    bars = [(bar.get("class"), float(bar.get("width", 0))) for bar in picture().findall(".//{*}rect")]
    assert [kind for kind, _ in bars] == ["floor", "ours", "other"]
    assert bars[1][1] == pytest.approx(bars[2][1] * 0.16 / 8, abs=0.1)


def test_lateness_is_shown_beside_the_bar() -> None:
    """Milliseconds, or seconds in the colour of warning."""
    texts = {text.text: text.get("class") for text in picture().findall(".//{*}text")}
    assert texts["3.0 ms"] == "end"
    assert texts["2.4 s"] == "end late"


def test_scenarios_without_figures_are_left_out() -> None:
    """Nothing is drawn of what was not run."""
    assert not any("10,000 ticks/s" in (text.text or "") for text in picture().findall(".//{*}text"))
