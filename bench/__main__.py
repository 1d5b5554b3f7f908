"""``python -m bench``: measure, print tables, write JSON. See ``--help``."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from bench.attacks import ALL as ATTACKS
from bench.host.processes import ENDING, ProcessError
from bench.host.trees import Tree, TreeError, compared
from bench.measuring import against, fronts, strangers, suite
from bench.measuring.ground import prepared
from bench.measuring.measure import Bench
from bench.options import parse
from bench.reports import ratios
from bench.reports.picture import draw
from bench.reports.ratios import Pair, Ratio
from bench.reports.report import Report, remarks, render
from bench.result import Result
from bench.scenarios import ALL as SCENARIOS
from bench.scenarios import Scenario
from bench.servers.contenders import ALL as CONTENDERS

RESULTS = Path(__file__).parent / "results"
PICTURE = Path(__file__).parent.parent / "docs" / "bench.svg"
_INTERRUPTED = 130
OURS = {"gateway", "poller"}
"""Contenders whose faults are this project's."""

Measured = TypeVar("Measured")
Seconds = Callable[[Scenario], float]


class Comparison(Struct):
    """A whole run of ``--against``, as written to JSON."""

    when: str
    took_s: float
    machine: dict[str, str]
    against: str
    ratios: list[Ratio]
    pairs: list[Pair]
    failures: list[str]


def main(arguments: list[str]) -> int:
    """Return the exit code: 0; 1 if a server did something wrong or is slower; 2 if that is unknown."""
    options = parse(arguments)
    if options.list:
        _list()
        return 0
    if options.picture:
        report = msgspec.json.decode(Path(options.picture).read_bytes(), type=Report)
        PICTURE.write_text(draw(report), encoding="utf-8")
        print(PICTURE)
        return 0
    # An ended bench must end its processes: SIGTERM and a closed terminal unwind the stack as Ctrl-C does.
    for number in ENDING:
        if signal.getsignal(number) == signal.SIG_DFL:  # under nohup a closed terminal is ignored
            signal.signal(number, signal.default_int_handler)
    if options.fronts is not None:
        return _fronts(options)
    if options.slow_readers or options.attacks is not None:
        return _strangers(options)
    if options.against is None:
        return _alone(options)
    try:
        with compared(options.against) as trees:
            return _against(options, trees)
    except TreeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED


def _alone(options: argparse.Namespace) -> int:
    """Measure this tree beside the programs that it is compared with."""

    def runs(bench: Bench, scenarios: list[Scenario], seconds: Seconds) -> Iterator[Result]:
        contenders = ["gateway"] if bench.fronted else options.contender or list(CONTENDERS)
        return suite.run(bench, scenarios, contenders, options.rounds, options.repeats, seconds, _say)

    started = time.time()
    about, results = _measure(options, options.scenario or [scenario.name for scenario in SCENARIOS], runs)
    if not results:
        return _INTERRUPTED
    report = Report(when=_utc(started), took_s=round(time.time() - started), machine=about, results=results)
    print(render(report))
    file = _write(report, "")
    print(f"\nwritten to {file}; draw it with: python -m bench --picture {file}")
    return 1 if any(result.faults for result in results if result.contender in OURS) else 0


def _against(options: argparse.Namespace, trees: tuple[Tree, Tree]) -> int:
    """Measure this tree beside that of a commit."""
    failures: list[str] = []

    def runs(bench: Bench, scenarios: list[Scenario], seconds: Seconds) -> Iterator[Pair]:
        return against.run(bench, scenarios, trees, options.rounds, options.repeats, seconds, _say, failures)

    names = options.scenario or against.DEFAULT
    commit = trees[1].label
    started = time.time()
    about, pairs = _measure(options, names, runs)
    rows = ratios.compare(names, pairs, ratios.FRONTED if options.fronted else ratios.FIGURES)
    took_s = round(time.time() - started)
    print(f"\n{_utc(started)}, {took_s} s\n\n{ratios.render(rows, commit)}")
    lines = remarks([side for pair in pairs for side in (pair.that, pair.this)])
    lines += ["\nFAILED", *(f"  {failure}" for failure in failures)] if failures else []
    print("\n".join(lines))
    comparison = Comparison(_utc(started), took_s, about, commit, rows, pairs, failures)
    print(f"\nwritten to {_write(comparison, f'-against-{commit}')}")
    return _INTERRUPTED if "interrupted" in about else ratios.exit_code(rows, pairs)


def _strangers(options: argparse.Namespace) -> int:
    """Measure slow readers and attacks, against a gateway with default settings."""
    when, attacks = _utc(time.time()), None
    try:
        if options.slow_readers:
            file = _write(strangers.read_slowly(options, when, _say), "-slow-readers")
        else:
            attacks = strangers.attack(options, when, _say)
            file = _write(attacks, "-attacks")
    except (TreeError, ProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    print(f"\nwritten to {file}")
    return strangers.exit_code(attacks)


def _fronts(options: argparse.Namespace) -> int:
    """Measure what each front costs."""
    made = fronts.run(options, _utc(time.time()), _say)
    print(f"\nwritten to {_write(made, '-fronts')}")
    return _INTERRUPTED if "interrupted" in made.machine else int(bool(made.failures))


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _say(line: str) -> None:
    print(line, flush=True)


def _write(report: Struct, suffix: str) -> Path:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}{suffix}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    return file


def _measure(
    options: argparse.Namespace,
    names: Collection[str],
    runs: Callable[[Bench, list[Scenario], Seconds], Iterator[Measured]],
) -> tuple[dict[str, str], list[Measured]]:
    """Collect ``runs`` until they end or are interrupted, with the machine that they ran on."""

    def seconds(scenario: Scenario) -> float:
        if options.quick:
            return 2 if scenario.kind != "slow" else 6
        return float(options.seconds or scenario.seconds)

    results: list[Measured] = []
    with prepared(options.nice) as (about, bench, files):
        bench.fronted = options.fronted
        scenarios = [scenario for scenario in SCENARIOS if scenario.name in names]
        for scenario in tuple(scenarios):
            if scenario.clients // scenario.gateways + 200 > files:
                print(f"{scenario.name}: skipped, only {files} open files are allowed (ulimit -n)")
                scenarios.remove(scenario)
        try:
            for result in runs(bench, scenarios, seconds):
                results.append(result)  # noqa: PERF402 - what there is counts when it is interrupted
        except KeyboardInterrupt:
            about["interrupted"] = "yes: not all of what was asked for was measured"
            print("interrupted")
    return about, results


def _list() -> None:
    print("scenarios")
    for scenario in SCENARIOS:
        print(f"  {scenario.name:14} {scenario.about}\n{'':17}{', '.join(scenario.contenders)}")
    print("attacks")
    for attack in ATTACKS.values():
        print(f"  {attack.name:20} {attack.about}")
    print("contenders")
    for contender in CONTENDERS.values():
        absent = contender.missing()
        print(f"  {contender.name:14} {contender.about}" + (f" ({absent})" if absent else ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
