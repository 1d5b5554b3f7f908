"""``python -m bench``: measure, print tables, write JSON. ``--help`` says what else."""

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

from bench import against, ratios, strangers, suite
from bench.attacks import ALL as ATTACKS
from bench.contenders import ALL as CONTENDERS
from bench.ground import prepared
from bench.measure import Bench
from bench.picture import draw
from bench.processes import ENDING, ProcessError
from bench.ratios import Pair, Ratio
from bench.report import Report, remarks, render
from bench.result import Result
from bench.scenarios import ALL as SCENARIOS
from bench.scenarios import Scenario
from bench.stack import FRONTS
from bench.trees import Tree, TreeError, compared

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
    """Returns the exit code: 0, or 1 where a server did something wrong or is slower, 2 where that cannot be said."""
    options = _options(arguments)
    if options.list:
        _list()
        return 0
    if options.picture:
        report = msgspec.json.decode(Path(options.picture).read_bytes(), type=Report)
        PICTURE.write_text(draw(report), encoding="utf-8")
        print(PICTURE)
        return 0
    # An ended bench must end what it started: SIGTERM and a closed terminal unwind the stack as Ctrl-C does.
    for number in ENDING:
        if signal.getsignal(number) == signal.SIG_DFL:  # under nohup a closed terminal is to be ignored
            signal.signal(number, signal.default_int_handler)
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
    """This tree beside the programs it is compared with."""

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
    """This tree beside a commit's."""
    failures: list[str] = []

    def runs(bench: Bench, scenarios: list[Scenario], seconds: Seconds) -> Iterator[Pair]:
        return against.run(bench, scenarios, trees, options.rounds, options.repeats, seconds, _say, failures)

    names = options.scenario or against.DEFAULT
    commit = trees[1].label
    started = time.time()
    about, pairs = _measure(options, names, runs)
    rows = ratios.compare(names, pairs, ratios.FRONTED if _fronted(options) else ratios.FIGURES)
    took_s = round(time.time() - started)
    print(f"\n{_utc(started)}, {took_s} s\n\n{ratios.render(rows, commit)}")
    lines = remarks([side for pair in pairs for side in (pair.that, pair.this)])
    lines += ["\nFAILED", *(f"  {failure}" for failure in failures)] if failures else []
    print("\n".join(lines))
    comparison = Comparison(_utc(started), took_s, about, commit, rows, pairs, failures)
    print(f"\nwritten to {_write(comparison, f'-against-{commit}')}")
    return _INTERRUPTED if "interrupted" in about else ratios.exit_code(rows, pairs)


def _strangers(options: argparse.Namespace) -> int:
    """Who comes to a gateway as it is delivered."""
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


def _fronted(options: argparse.Namespace) -> bool:
    return bool(options.front == ["haproxy"])


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
    """What ``runs`` gives, until it ends or is interrupted, and what it was measured on."""

    def seconds(scenario: Scenario) -> float:
        if options.quick:
            return 2 if scenario.kind != "slow" else 6
        return float(options.seconds or scenario.seconds)

    results: list[Measured] = []
    with prepared(options.nice) as (about, bench, files):
        bench.fronted = _fronted(options)
        scenarios = [scenario for scenario in SCENARIOS if scenario.name in names]
        for scenario in tuple(scenarios):
            if scenario.clients + 200 > files:
                print(f"{scenario.name}: skipped, only {files} open files are allowed (ulimit -n)")
                scenarios.remove(scenario)
        try:
            for result in runs(bench, scenarios, seconds):
                results.append(result)  # noqa: PERF402 - what there is counts when it is interrupted
        except KeyboardInterrupt:
            about["interrupted"] = "yes: not all of what was asked for was measured"
            print("interrupted")
    return about, results


def _options(arguments: list[str]) -> argparse.Namespace:
    """The command line, with the defaults that depend on each other."""
    parser = _parser()
    options = parser.parse_args(arguments)
    comparing = options.against is not None
    if comparing and options.contender:
        parser.error("--against compares two gateways, or two pollers: leave --contender out")
    if options.front and options.attacks is None and not options.slow_readers:
        _check_front(parser, options)
    if options.quick:
        options.rounds, options.repeats = (2, 0) if comparing else (1, 0)
    if options.rounds is None:
        options.rounds = against.ROUNDS if comparing else 3
    if options.repeats is None:
        options.repeats = 0 if comparing or options.attacks is not None else 2
    if comparing and options.rounds < 2:
        parser.error("--against needs at least two rounds for an interval: --rounds 2, better 10")
    return options


def _check_front(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """For the fan-out: one front, and behind HAProxy the gateway in scenarios that have figures for both."""
    if len(options.front) > 1:
        parser.error("the fan-out is measured with one front at a time: give --front once")
    if _fronted(options):
        known = list(dict.fromkeys(figure.scenario for figure in ratios.FRONTED))
        options.scenario = options.scenario or known[:2]
        if options.contender or not set(options.scenario) <= set(known):
            parser.error(f"--front haproxy measures the gateway, without --contender, in {', '.join(known)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the gateway and what it is compared with."
    )
    parser.add_argument(
        "--scenario",
        action="append",
        choices=[scenario.name for scenario in SCENARIOS],
        help="only this; may be repeated",
    )
    parser.add_argument(
        "--contender", action="append", choices=list(CONTENDERS), help="only this server; may be repeated"
    )
    parser.add_argument("--seconds", type=float, help="how long each is measured (default: as the scenario says)")
    parser.add_argument(
        "--against",
        metavar="COMMIT",
        help="measure that commit and this tree, with what is not committed, in alternating rounds: ratios with their "
        "95 %% intervals; exit code 1 where this tree is slower by more than 3 %%, 2 where a row was not measured. "
        f"Without --scenario: {', '.join(against.DEFAULT)}",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"how often; the median is reported (default: 3; with --against {against.ROUNDS}, at least 2)",
    )
    parser.add_argument(
        "--repeats",
        type=int,
        help="how often one that others disturbed is done again (default: 2; with --against 0: both have the same "
        "neighbours; with --attacks 0)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="two seconds each, once (--against: twice): shows that it runs, no more"
    )
    parser.add_argument(
        "--nice", type=int, default=0, help="-15 keeps neighbours off the cores, for who may do that (default: 0)"
    )
    parser.add_argument(
        "--slow-readers",
        action="store_true",
        help="the age of the prices in a reader's hand, by how fast it reads and what stands in front; with --against, "
        "of that commit too",
    )
    parser.add_argument(
        "--attacks",
        nargs="*",
        metavar="NAME",
        choices=list(ATTACKS),
        help="how late a client's prices are while somebody attacks the gateway at its default limits: all attacks, or "
        "these; with --against, of that commit too; exit code 1 where an aim of this tree is missed",
    )
    parser.add_argument(
        "--front",
        action="append",
        choices=FRONTS,
        help="only this; may be repeated (default: --slow-readers both, else straight); with haproxy the fan-out costs "
        "what gateway and HAProxy use together, on one core",
    )
    parser.add_argument(
        "--receive-buffer",
        type=int,
        default=0,
        metavar="BYTES",
        help="with --slow-readers, SO_RCVBUF of each reader: what lies there is old, whatever a gateway does "
        "(default: the kernel's, 128 KB and more)",
    )
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--picture", metavar="FILE", help="draw docs/bench.svg from a JSON file of results")
    return parser


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
