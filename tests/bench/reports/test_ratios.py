"""Ratios, their intervals and the verdict."""

import math

import pytest

from bench.measuring import against
from bench.reports.ratios import _T, FIGURES, FRONTED, LIMIT, Pair, Ratio, compare, exit_code, interval, render
from bench.result import Result
from bench.scenarios import ALL as SCENARIOS


def result(number: int = 1, *, faults: tuple[str, ...] = (), **figures: float | None) -> Result:
    """Make a result of one round with these figures."""
    made = Result(scenario="bursts", contender="gateway", round=number, faults=list(faults))
    for name, value in figures.items():
        setattr(made, name, value)
    return made


def pair(this: float | None, that: float | None) -> Pair:
    """Make a pair of rounds with these costs per tick."""
    return Pair(result(cpu_us_per_tick=this), result(cpu_us_per_tick=that))


def row(low: float | None, high: float | None = None, mean: float | None = None) -> Ratio:
    """Make a row with this interval."""
    return Ratio("bursts", "µs CPU/tick", 1, 1, 10, 0, mean, low, high)


def student_t_above(t: float, freedom: int) -> float:
    """The probability above ``t``, from the density by Simpson's rule."""
    factor = math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2) / math.sqrt(freedom * math.pi)
    steps = 2_000
    heights = [(1 + (t * i / steps) ** 2 / freedom) ** (-(freedom + 1) / 2) for i in range(steps + 1)]
    below = heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    return float(0.5 - factor * below * t / steps / 3)


def test_an_interval_is_that_of_known_numbers() -> None:
    """Logarithms -0.1, 0, 0.1 have the mean 0 and the deviation 0.1; t is 4.303 for two degrees of freedom."""
    half = 4.303 * 0.1 / math.sqrt(3)
    expected = (1, math.exp(-half), math.exp(half))
    assert interval([math.exp(-0.1), 1, math.exp(0.1)]) == pytest.approx(expected)


def test_an_interval_of_equal_ratios_is_a_point() -> None:
    """Where nothing varies nothing is in doubt."""
    assert interval([1.25] * 10) == pytest.approx((1.25, 1.25, 1.25))


def test_the_inverse_ratios_have_the_inverse_interval() -> None:
    """Neither tree is favoured by being the one above the line."""
    ratios = [0.9, 1.05, 1.3, 0.98]
    mean, low, high = interval(ratios)
    assert interval([1 / ratio for ratio in ratios]) == pytest.approx((1 / mean, 1 / high, 1 / low))


@pytest.mark.parametrize("ratios", [[], [1.0]])
def test_one_round_has_no_interval(ratios: list[float]) -> None:
    """One ratio says nothing of how ratios vary."""
    with pytest.raises(ValueError, match="two"):
        interval(ratios)


@pytest.mark.parametrize("freedom", range(1, 31))
def test_the_quantiles_are_student_s(freedom: int) -> None:
    """2.5 % of the distribution lie above each, to the last digit given."""
    t = _T[freedom - 1]
    assert student_t_above(t + 0.0006, freedom) < 0.025 < student_t_above(t - 0.0006, freedom)


def test_beyond_the_table_an_interval_is_not_too_narrow() -> None:
    """Many rounds are judged with the last quantile of the table, which is above theirs."""
    ratios = [math.exp(sign * 0.1) for sign in (-1, 1) * 50]
    deviation = 0.1 * math.sqrt(100 / 99)
    assert interval(ratios)[2] >= math.exp(1.984 * deviation / 10)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (LIMIT + 0.001, 1.2, "REGRESSION"),
        (LIMIT, 1.2, "undecided"),
        (0.9, 1.031, "undecided"),
        (0.97, LIMIT, "no slower"),
        (1.001, 1.02, "no slower"),
        (0.9, 1.0, "no slower"),
        (0.9, 0.999, "better"),
        (None, None, "NOT MEASURED"),
    ],
)
def test_a_verdict_says_where_the_interval_lies(low: float | None, high: float | None, verdict: str) -> None:
    """Above 1.03 as a whole, below 1 as a whole, below 1.03 as a whole, or neither."""
    assert row(low, high).verdict == verdict


def test_the_exit_code_tells_a_regression() -> None:
    """1 for a regression, even beside what was not measured; 2 for that alone; 0 for neither."""
    slow, fine, unknown = row(1.04, 1.1), row(0.9, 1.2), row(None)
    codes = [exit_code(rows, []) for rows in ([fine, slow], [slow, unknown], [fine, unknown], [fine])]
    assert codes == [1, 1, 2, 0]


def test_a_fault_of_this_tree_is_a_failure_and_one_of_the_commit_is_not() -> None:
    """Who fixes a fault must be able to compare with what had it."""
    sound, faulty = result(), result(faults=("C01USDT was not asked for",))
    assert [exit_code([row(0.9, 1.0)], [it]) for it in (Pair(faulty, sound), Pair(sound, faulty))] == [1, 0]


def test_a_ratio_is_taken_within_each_round() -> None:
    """Rounds in which the machine was slow for both keep their ratio."""
    (told,) = compare(["bursts"], [pair(0.11, 0.1), pair(1.1, 1.0), pair(22, 20)])
    assert (told.mean, told.low, told.high) == pytest.approx((1.1, 1.1, 1.1))
    assert (told.this, told.that, told.pairs) == (1.1, 1.0, 3)


def test_a_round_that_lacks_a_figure_or_has_a_fault_does_not_count() -> None:
    """None and zero are not figures, and a server that does something wrong may do it cheaply."""
    faulty = Pair(result(cpu_us_per_tick=0.01, faults=("nobody got in",)), result(cpu_us_per_tick=1))
    pairs = [pair(2, 1), pair(2, 1), pair(None, 1), pair(1, None), pair(1, 0), faulty]
    (told,) = compare(["bursts"], pairs)
    assert told.pairs == 2
    assert told.mean == pytest.approx(2)


def test_one_pair_is_no_measurement() -> None:
    """The row is there, and says so."""
    (told,) = compare(["bursts"], [pair(2, 1)])
    assert (told.pairs, told.verdict) == (1, "NOT MEASURED")


def test_disturbed_rounds_are_counted() -> None:
    """It does not matter which of the two was disturbed."""
    quiet, noisy = result(cpu_us_per_tick=1), result(cpu_us_per_tick=1)
    noisy.disturbance = 0.5
    (told,) = compare(["bursts"], [Pair(quiet, noisy), Pair(noisy, quiet), Pair(quiet, quiet)])
    assert (told.pairs, told.disturbed) == (3, 2)


def test_every_scenario_has_a_figure() -> None:
    """No scenario is run for nothing, and each figure is one that a run can have."""
    names = {scenario.name for scenario in SCENARIOS}
    assert {figure.scenario for figure in FIGURES} == names
    assert {figure.name for figure in FIGURES} <= set(Result.__struct_fields__)
    assert set(against.DEFAULT) <= names


def test_the_table_has_ratio_interval_and_verdict() -> None:
    """One row for each figure, with the medians of both beside."""
    shown = render([Ratio("bursts", "µs CPU/tick", 0.25, 0.2, 10, 3, 1.25, 1.2, 1.3), row(None)], "1a2b3c4")
    head, slow, missing = shown.splitlines()
    assert "1a2b3c4" in head
    assert slow.split()[3:] == ["0.200", "0.250", "1.250", "1.200", "–", "1.300", "10", "3", "REGRESSION"]
    assert missing.endswith("NOT MEASURED")


def test_behind_haproxy_both_together_and_each_alone_are_compared() -> None:
    """What one saves the other may spend, so neither alone is judged."""
    slower = result(cpu_us_per_tick=4.4, gateway_us_per_tick=1.8, front_us_per_tick=2.6, p99_ms=30)
    before = result(cpu_us_per_tick=4, gateway_us_per_tick=2, front_us_per_tick=2, p99_ms=20)
    told = compare(["bursts"], [Pair(slower, before)] * 2, FRONTED)
    assert [it.figure for it in told] == ["µs CPU/tick", "of the gateway", "of HAProxy", "p99 ms"]
    assert [it.mean for it in told] == pytest.approx([1.1, 0.9, 1.3, 1.5])
    assert render(told, "1a2b3c4").count("\n") == len(told)
    assert [it.verdict for it in told] == ["REGRESSION", "", "", "REGRESSION"]


def test_every_figure_of_a_front_is_one_that_a_run_can_have() -> None:
    """And of a scenario that there is."""
    assert {figure.name for figure in FRONTED} <= set(Result.__struct_fields__)
    assert {figure.scenario for figure in FRONTED} <= {scenario.name for scenario in SCENARIOS}
