"""The order of the rounds, and what is repeated."""

import pytest

from bench.host.processes import ProcessError
from bench.measuring import suite
from bench.measuring.suite import brief, floor_rate
from bench.result import Result
from bench.scenarios import ALL, Scenario
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.contenders import Contender, WriteRate

BURSTS, FLOOD, SCATTERED = ALL[:3]
TINY = Scenario(name="tiny", about="", clients=1, ticks_per_s=1, contenders=("send_str", "floor"))


class ScriptedBench:
    """Answers with runs disturbed as told, or fails where told None."""

    def __init__(self, *disturbances: float | None) -> None:
        self.left = list(disturbances)
        self.runs: list[tuple[str, str, int]] = []

    def run(
        self, scenario: Scenario, contender: Contender, number: int, seconds: float, rate: WriteRate | None
    ) -> Result:
        self.runs.append((scenario.name, contender.name, number))
        disturbance = self.left.pop(0)
        if disturbance is None:
            raise ProcessError("gone")
        return Result(scenario=scenario.name, contender=contender.name, round=number, disturbance=disturbance)


def run(bench: ScriptedBench, rounds: int = 1, repeats: int = 2) -> tuple[list[Result], list[str]]:
    """Measure with a scripted bench; the results, and what was said."""
    said: list[str] = []
    results = suite.run(bench, [TINY], ["send_str"], rounds, repeats, lambda _: 1.0, said.append)  # type: ignore[arg-type] # no real bench
    return list(results), said


def test_a_quiet_run_is_not_repeated() -> None:
    """Nobody waits for what is good already."""
    bench = ScriptedBench(0.01)
    assert [result.disturbance for result in run(bench)[0]] == [0.01]


def test_a_disturbed_run_is_repeated_until_it_is_quiet() -> None:
    """What neighbours spoilt is done again."""
    bench = ScriptedBench(0.5, 0.04)
    assert [result.disturbance for result in run(bench)[0]] == [0.04]


def test_the_least_disturbed_counts_where_all_are() -> None:
    """After the last repeat the bench takes what it has."""
    bench = ScriptedBench(0.5, 0.2, 0.3)
    assert [result.disturbance for result in run(bench)[0]] == [0.2]


def test_a_failure_is_said_and_the_rest_goes_on() -> None:
    """One server that does not start does not end the bench."""
    results, said = run(ScriptedBench(None, 0.0), rounds=2)
    assert [result.round for result in results] == [2]
    assert "tiny send_str: FAILED, gone" in said


def test_a_missing_peer_is_skipped_and_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says how to get it."""
    absent = Contender("send_str", "", "", module="bench.nothing", needs=("no-such-program",))
    monkeypatch.setitem(CONTENDERS, "send_str", absent)
    results, said = run(ScriptedBench(), rounds=3)
    assert results == []
    assert said == ["send_str: skipped, needs the program no-such-program"]


def test_a_floor_of_bursts_writes_once_for_each_burst() -> None:
    """The least that an ideal gateway could do."""
    assert floor_rate(BURSTS, "floor", []) == WriteRate(10, 100)


def test_a_floor_that_sends_each_tick_alone_reaches_those_who_want_it() -> None:
    """Every client gets a fifth of the ticks, every tick a fifth of the clients."""
    assert floor_rate(SCATTERED, "floor-alone", []) == WriteRate(400, 1, 0.2)


def test_a_floor_writes_as_often_as_the_gateway_did_in_the_same_run() -> None:
    """The same ticks, in the same number of writes."""
    seen = Result(scenario="flood", contender="gateway", round=1, ticks_per_s=5e6, writes_per_s=50_000)
    assert floor_rate(FLOOD, "floor", [seen]) == WriteRate(50, 100)


def test_a_floor_without_a_gateway_to_follow_is_not_run() -> None:
    """Where the gateway did not run, or its writes were not counted."""
    uncounted = Result(scenario="flood", contender="gateway", round=1, ticks_per_s=5e6)
    assert [floor_rate(FLOOD, "floor", seen) for seen in ([], [uncounted])] == [None, None]


def test_a_run_is_reported_in_one_line() -> None:
    """Figures, what limits them, and faults."""
    done = Result(
        scenario="flood",
        contender="gateway",
        round=2,
        cpu_us_per_tick=0.1234,
        gateway_us_per_tick=0.05,
        front_us_per_tick=0.0734,
        p99_ms=25.04,
        notes=["noisy"],
        faults=["bad"],
    )
    figures = "0.123 µs/tick, gateway 0.050 + front 0.073, p99 25.0 ms"
    assert brief(done, 3) == f"flood gateway (2/3), {figures}, noisy, FAULT: bad"
