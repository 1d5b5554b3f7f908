"""What does each front cost? ``python -m bench --fronts``: the same scenarios behind each, and behind none.

The gateway and what stands before it share a core, and what both use counts. Rounds alternate, so that what disturbs
one disturbs the others too.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Final

from msgspec import Struct

from bench.host.processes import ProcessError
from bench.host.usage import DISTURBED
from bench.measuring.ground import prepared
from bench.measuring.measure import Bench
from bench.result import Result
from bench.scenarios import ALL as SCENARIOS
from bench.scenarios import Scenario
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.front import ALL

DIRECT: Final = "direct"
"""Nothing in front."""
DIRECT_TLS: Final = "direct-tls"
"""The same, and the gateway ends TLS."""
ALONE: Final = (DIRECT, DIRECT_TLS)
NAMES: Final = (*ALONE, *ALL)
STEADY: Final = ("bursts", "scattered")
STORM: Final = "storm"
FULL: Final = 0.97
"""A core that is so busy limits what is measured."""


class Fronts(Struct):
    """A whole run, as written to JSON."""

    when: str
    machine: dict[str, str]
    results: dict[str, list[Result]]
    """Of each front, those of all rounds."""
    failures: list[str]


def run(options: argparse.Namespace, when: str, say: Callable[[str], None]) -> Fronts:
    """Measure, and print a table; what there is until it is interrupted."""
    names = options.fronts or NAMES
    made = Fronts(when, {}, {name: [] for name in names}, [])
    scenarios = [each for each in SCENARIOS if each.name in (*STEADY, STORM)]
    with prepared(options.nice) as (about, bench, _):
        made.machine = about
        try:
            for number in range(1, options.rounds + 1):
                for scenario in scenarios:
                    for name in names if number % 2 else names[::-1]:
                        _once(bench, scenario, name, number, options, made, say)
        except KeyboardInterrupt:
            about["interrupted"] = "yes: not all of what was asked for was measured"
    say("\n" + render(made.results))
    for line in limits(made.results):
        say(line)
    for failure in made.failures:
        say(f"FAILED {failure}")
    return made


def _once(
    bench: Bench,
    scenario: Scenario,
    name: str,
    number: int,
    options: argparse.Namespace,
    made: Fronts,
    say: Callable[[str], None],
) -> None:
    bench.fronted, bench.tls = ("" if name in ALONE else name), name == DIRECT_TLS
    seconds = 2.0 if options.quick else float(options.seconds or scenario.seconds)
    attempts: list[Result] = []
    while len(attempts) <= options.repeats and all(attempt.disturbance > DISTURBED for attempt in attempts):
        try:
            attempts.append(bench.run(scenario, CONTENDERS["gateway"], number, seconds, None))
        except ProcessError as error:
            made.failures.append(f"{scenario.name}, {name}, round {number}: {error}")
            say(f"FAILED {made.failures[-1]}")
            return
    best = min(attempts, key=lambda result: result.disturbance)
    made.results[name].append(best)
    say(f"{scenario.name:10} {name:18} round {number}: {_brief(best)} {'; '.join((*best.notes, *best.faults))}")


def _brief(result: Result) -> str:
    if result.scenario == STORM:
        return f"{_form(result.clients_per_s, '.0f')} clients/s, {_form(result.ms_per_client, '.2f')} ms CPU each"
    return f"{_form(result.cpu_us_per_tick, '.3f')} µs CPU/tick, p99 {_form(result.p99_ms, '.1f')} ms"


def render(results: Mapping[str, Sequence[Result]]) -> str:
    """A table in Markdown: medians of all rounds."""
    head = ["front"]
    for name in STEADY:
        head += [f"{name}: µs CPU/tick", "of the gateway", "of the front", "p99 ms"]
    head += ["connects/s", "ms CPU each"]
    lines = [head, ["---"] * len(head)]
    for name, rows in results.items():
        line = [name]
        for scenario in STEADY:
            own = [row for row in rows if row.scenario == scenario]
            line += [
                _median(own, "cpu_us_per_tick", ".3f"),
                _median(own, "gateway_us_per_tick" if name not in ALONE else "cpu_us_per_tick", ".3f"),
                _median(own, "front_us_per_tick", ".3f"),
                _median(own, "p99_ms", ".1f"),
            ]
        storms = [row for row in rows if row.scenario == STORM]
        lines.append([*line, _median(storms, "clients_per_s", ".0f"), _median(storms, "ms_per_client", ".2f")])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def limits(results: Mapping[str, Sequence[Result]]) -> list[str]:
    """What limited each front, if anything did: a core that was full, in the median of its rounds.

    Where it was the load's, a faster load would get more ticks or connects. The CPU time of each is as it is.
    """
    lines = []
    for name, rows in results.items():
        for scenario in (*STEADY, STORM):
            own = [row for row in rows if row.scenario == scenario]
            for figure, core in (("server_share", "gateway and front"), ("load_share", "the load")):
                found = [value for row in own if (value := getattr(row, figure)) is not None]
                if found and median(found) >= FULL:
                    lines.append(f"{scenario}, {name}: limited by the core of {core} ({median(found):.0%})")
    return lines


def _median(rows: Sequence[Result], figure: str, form: str) -> str:
    found = [value for row in rows if (value := getattr(row, figure)) is not None]
    return _form(median(found) if found else None, form)


def _form(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
