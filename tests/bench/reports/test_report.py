"""The table of a report, and its verdicts."""

import pytest

from bench.reports.report import CLAIMS, Claim, Report, render
from bench.result import Result
from bench.scenarios import ALL as SCENARIOS


def result(contender: str, number: int = 1, scenario: str = "bursts", **figures: float) -> Result:
    """Make a result of one round with these figures."""
    made = Result(scenario=scenario, contender=contender, round=number)
    for name, value in figures.items():
        setattr(made, name, value)
    return made


def report(*results: Result) -> Report:
    """Make a report of these results."""
    return Report(when="2026-11-21T20:00:00+00:00", took_s=1, machine={"cpu": "a cpu"}, results=list(results))


def test_a_figure_is_the_median_over_rounds() -> None:
    """One disturbed round does not move it."""
    made = report(*(result("gateway", number, p99_ms=age) for number, age in enumerate([20, 900, 22])))
    assert made.figure("bursts", "gateway", "p99_ms") == 22


def test_a_ratio_is_taken_within_each_round() -> None:
    """A round in which everything was slow keeps its ratio."""
    made = report(
        result("gateway", 1, cpu_us_per_tick=0.2),
        result("floor", 1, cpu_us_per_tick=0.1),
        result("gateway", 2, cpu_us_per_tick=2.0),
        result("floor", 2, cpu_us_per_tick=1.0),
    )
    assert made.ratio("bursts", "cpu_us_per_tick", "gateway", "floor") == 2


def test_a_ratio_to_what_did_not_run_is_none() -> None:
    """A missing peer makes no claim true."""
    made = report(result("gateway", cpu_us_per_tick=0.2), result("floor", 2, cpu_us_per_tick=0.1))
    assert made.ratio("bursts", "cpu_us_per_tick", "gateway", "floor") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.3, "aim met"), (1.31, "must met"), (2.0, "must met"), (2.01, "NOT MET"), (None, "not measured")],
)
def test_a_verdict_is_never_rounded_up(value: float | None, expected: str) -> None:
    """The limit itself is met, the least above it is not."""
    claim = Claim("bursts", "ratio", lambda _: value, 2, 1.3)
    assert claim.verdict(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(2.9, "NOT MET"), (3.0, "must met"), (5.0, "aim met")])
def test_a_claim_of_at_least_is_met_from_above(value: float, expected: str) -> None:
    """For throughput more is better."""
    claim = Claim("flood", "ticks", lambda _: value, 3, 4, at_least=True)
    assert claim.verdict(value) == expected


def test_every_claim_is_about_a_scenario_there_is() -> None:
    """No promise is left without its measurement, and only what answers a question of design goes without promise."""
    known = {scenario.name for scenario in SCENARIOS}
    questions = {"unwanted-singles", "unwanted-hundreds", "poller", "system"}
    assert known - questions == {claim.scenario for claim in CLAIMS} - {"all"}


def test_the_report_says_what_was_met_and_what_was_wrong() -> None:
    """Table, promises, notes and faults are all there."""
    ours = result("gateway", cpu_us_per_tick=0.25, p99_ms=3.0)
    ours.faults.append("C01USDT was not asked for")
    floor = result("floor", cpu_us_per_tick=0.1)
    floor.notes.append("the server's core was full")
    lines = render(report(ours, floor)).splitlines()
    assert next(line.split() for line in lines if line.startswith("gateway"))[1] == "0.250"
    assert next(line for line in lines if "÷ floor" in line).endswith("NOT MET")
    assert "  bursts gateway (1): C01USDT was not asked for" in lines
    assert "  bursts floor (1): the server's core was full" in lines


def test_what_was_not_measured_is_not_judged() -> None:
    """A claim without figures does not appear as kept."""
    assert "flood" not in render(report(result("gateway", cpu_us_per_tick=0.2)))
