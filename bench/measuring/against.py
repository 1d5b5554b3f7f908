"""This tree against a commit, in alternating rounds: ``python -m bench --against COMMIT``.

Only the gateway or the poller comes from the commit. Load generator, publisher, scenarios and measuring are this tree's
for both. So are Python and the installed packages: other versions that the commit pinned are not installed. Both trees
must have the interfaces that operators and clients rely on: ``python -m gateway``, its environment variables, the bus,
the WebSocket protocol; and, for the poller, those that `bench.measuring.poller_cost.pipeline` knows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bench.host.processes import ProcessError
from bench.host.trees import Tree
from bench.host.usage import DISTURBED
from bench.measuring.measure import Bench
from bench.measuring.suite import brief
from bench.reports.ratios import Pair
from bench.result import Result
from bench.scenarios import Scenario
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.contenders import Contender

DEFAULT = ("bursts", "flood", "scattered", "quiet", "idle", "storm", "poller")
"""The scenarios that matter for a comparison; ten rounds of them take at most 20 minutes."""
ROUNDS = 10


class _FailedError(Exception):
    """A tree could not be measured; the message names it and the scenario."""


def run(
    bench: Bench,
    scenarios: Sequence[Scenario],
    trees: tuple[Tree, Tree],
    rounds: int,
    repeats: int,
    seconds: Callable[[Scenario], float],
    say: Callable[[str], None],
    failures: list[str],
) -> Iterator[Pair]:
    """Measure every scenario on both trees, this and that, ``rounds`` times; the order alternates (ABBA).

    A tree that fails is added to ``failures``, with its name and the scenario, and the other runs continue. A scenario
    that failed before it gave any pair is not tried again. A pair that other programs disturbed is repeated up to
    ``repeats`` times; the least disturbed one counts.
    """
    left = list(scenarios)
    paired: set[str] = set()
    for number in range(1, rounds + 1):
        for scenario in tuple(left):
            attempts: list[Pair] = []
            while len(attempts) <= repeats and all(_disturbance(attempt) > DISTURBED for attempt in attempts):
                try:
                    attempts.append(_pair(bench, scenario, trees, number, rounds, seconds(scenario), say))
                except _FailedError as error:
                    say(f"FAILED: {error}")
                    failures.append(str(error))
                    break
            if attempts:
                paired.add(scenario.name)
                yield min(attempts, key=_disturbance)
            elif scenario.name not in paired:
                left.remove(scenario)


def _pair(
    bench: Bench,
    scenario: Scenario,
    trees: tuple[Tree, Tree],
    number: int,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Pair:
    """Measure both trees, one after the other."""
    this, that = trees
    done: dict[str, Result] = {}
    for tree in (this, that) if number % 2 else (that, this):
        try:
            done[tree.label] = bench.run(scenario, of(tree, scenario), number, seconds, None)
        except ProcessError as error:
            raise _FailedError(f"{scenario.name}, round {number}, {tree.label}: {error}") from None
        say(brief(done[tree.label], rounds))
    return Pair(done[this.label], done[that.label])


def of(tree: Tree, scenario: Scenario) -> Contender:
    """The part of ``tree`` that ``scenario`` measures: its gateway or its poller."""
    contender = CONTENDERS[scenario.contenders[0]]
    return replace(contender, name=f"{contender.name} of {tree.label}", root=tree.root)


def _disturbance(pair: Pair) -> float:
    return max(pair.this.disturbance, pair.that.disturbance)
