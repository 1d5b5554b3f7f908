"""The rounds of a comparison with a commit."""

from pathlib import Path

import pytest

from bench.host.processes import ProcessError
from bench.host.trees import Tree
from bench.measuring import against
from bench.reports.ratios import Pair
from bench.result import Result
from bench.scenarios import ALL, Scenario
from bench.servers.contenders import Contender, WriteRate

THIS, THAT = Tree("this tree", Path("/this")), Tree("1a2b3c4", Path("/that"))
BURSTS = ALL[0]
POLLER = next(scenario for scenario in ALL if scenario.name == "poller")


class ScriptedBench:
    """Remembers what it ran; is disturbed as told, and fails where told."""

    def __init__(self, *disturbances: float, failing: frozenset[tuple[str, Path, int]] = frozenset()) -> None:
        self.left = list(disturbances)
        self.failing = failing
        self.runs: list[tuple[str, str, int]] = []

    def run(
        self, scenario: Scenario, contender: Contender, number: int, seconds: float, rate: WriteRate | None
    ) -> Result:
        self.runs.append((scenario.name, contender.root.name, number))
        if (scenario.name, contender.root, number) in self.failing:
            raise ProcessError("was not ready")
        disturbance = self.left.pop(0) if self.left else 0.0
        return Result(scenario=scenario.name, contender=contender.name, round=number, disturbance=disturbance)


def run(
    bench: ScriptedBench, rounds: int = 1, repeats: int = 0, scenarios: tuple[Scenario, ...] = (BURSTS,)
) -> tuple[list[Pair], list[str]]:
    """Measure with a scripted bench; the pairs of results, and the failures."""
    failures: list[str] = []
    seconds = lambda _: 1.0  # noqa: E731
    pairs = against.run(bench, scenarios, (THIS, THAT), rounds, repeats, seconds, lambda _: None, failures)  # type: ignore[arg-type] # no real bench
    return list(pairs), failures


def test_which_goes_first_alternates() -> None:
    """ABBA: a machine that grows slower all the time favours neither."""
    bench = ScriptedBench()
    run(bench, rounds=4)
    assert [root for _, root, _ in bench.runs] == ["this", "that", "that", "this", "this", "that", "that", "this"]


def test_both_trees_of_a_pair_are_measured_one_after_the_other() -> None:
    """What a scenario's ratio is made of lies close together in time, and every round has every scenario."""
    bench = ScriptedBench()
    run(bench, rounds=2, scenarios=(BURSTS, POLLER))
    assert [(name, number) for name, _, number in bench.runs[::2]] == [
        ("bursts", 1),
        ("poller", 1),
        ("bursts", 2),
        ("poller", 2),
    ]
    assert bench.runs[::2] != bench.runs[1::2]


def test_a_pair_has_each_tree_in_its_place_whichever_went_first() -> None:
    """The ratio is never upside down."""
    pairs, _ = run(ScriptedBench(), rounds=2)
    assert {(pair.this.contender, pair.that.contender) for pair in pairs} == {
        ("gateway of this tree", "gateway of 1a2b3c4")
    }


def test_each_scenario_measures_what_it_is_about() -> None:
    """The gateway of the tree, or its poller; the modules come from that tree."""
    asked = [against.of(THAT, scenario) for scenario in (BURSTS, POLLER)]
    assert [(it.name, it.root) for it in asked] == [
        ("gateway of 1a2b3c4", THAT.root),
        ("poller of 1a2b3c4", THAT.root),
    ]


def test_a_disturbed_pair_is_repeated_as_a_pair() -> None:
    """One half of a pair measured at another time would be no pair."""
    bench = ScriptedBench(0.0, 0.5, 0.04, 0.02)
    pairs, _ = run(bench, repeats=2)
    assert [root for _, root, _ in bench.runs] == ["this", "that", "this", "that"]
    assert [(pair.this.disturbance, pair.that.disturbance) for pair in pairs] == [(0.04, 0.02)]


def test_the_least_disturbed_pair_counts_where_all_are() -> None:
    """After the last repeat the bench takes what it has."""
    pairs, _ = run(ScriptedBench(0.9, 0.0, 0.0, 0.2, 0.5, 0.5), repeats=2)
    assert [pair.that.disturbance for pair in pairs] == [0.2]


@pytest.mark.parametrize(("tree", "label"), [(THIS, "this tree"), (THAT, "1a2b3c4")])
def test_a_tree_that_fails_is_named_with_the_scenario(tree: Tree, label: str) -> None:
    """One line, and the other scenarios go on; one that cannot work is not tried in every round."""
    failing = frozenset((BURSTS.name, tree.root, number) for number in (1, 2, 3))
    bench = ScriptedBench(failing=failing)
    pairs, failures = run(bench, rounds=3, scenarios=(BURSTS, POLLER))
    assert failures == [f"bursts, round 1, {label}: was not ready"]
    assert [pair.this.scenario for pair in pairs] == ["poller"] * 3


def test_a_failure_after_a_pair_costs_one_round_only() -> None:
    """What has worked may work again."""
    pairs, failures = run(ScriptedBench(failing=frozenset({("bursts", THAT.root, 2)})), rounds=3)
    assert [pair.this.round for pair in pairs] == [1, 3]
    assert failures == ["bursts, round 2, 1a2b3c4: was not ready"]
