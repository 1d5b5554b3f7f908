"""The promises, the measured figures, and whether each promise is kept: a table for the console."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from msgspec import Struct

from bench.reports.figures import median
from bench.result import Result
from bench.scenarios import ALL as SCENARIOS

NO_DRIFT = 0.02
"""RSS that grew by less than this during a run counts as flat."""


class Report(Struct):
    """A whole run, as written to JSON."""

    when: str
    took_s: float
    machine: dict[str, str]
    results: list[Result]

    def of(self, scenario: str, contender: str) -> list[Result]:
        """One contender's rounds in one scenario."""
        return [result for result in self.results if (result.scenario, result.contender) == (scenario, contender)]

    def figure(self, scenario: str, contender: str, name: str) -> float | None:
        """The median over the rounds."""
        return median([attrgetter(name)(result) for result in self.of(scenario, contender)])

    def ratio(self, scenario: str, name: str, contender: str, to: str) -> float | None:
        """The median over the rounds of one contender's figure divided by another's in the same round."""
        ratios: list[float | None] = []
        others = {result.round: attrgetter(name)(result) for result in self.of(scenario, to)}
        for result in self.of(scenario, contender):
            ours, theirs = attrgetter(name)(result), others.get(result.round)
            if ours is not None and theirs:
                ratios.append(ours / theirs)
        return median(ratios)


@dataclass(frozen=True)
class Claim:
    """A promise: ``value`` at most ``must``, better ``aim``; where ``at_least``, the other way round."""

    scenario: str
    what: str
    value: Callable[[Report], float | None]
    must: float
    aim: float
    unit: str = ""
    at_least: bool = False
    shown: str = ".2f"

    def verdict(self, value: float | None) -> str:
        """The promise in words."""
        if value is None:
            return "not measured"
        sign = -1 if self.at_least else 1
        if sign * value <= sign * self.aim:
            return "aim met"
        return "must met" if sign * value <= sign * self.must else "NOT MET"


def _cpu(scenario: str, to: str) -> Callable[[Report], float | None]:
    return lambda report: report.ratio(scenario, "cpu_us_per_tick", "gateway", to)


def _rests(scenario: str, name: str) -> Callable[[Report], float | None]:
    return lambda report: report.ratio(scenario, name, "gateway", "gateway-eager")


def _figure(scenario: str, name: str, scale: float = 1) -> Callable[[Report], float | None]:
    def read(report: Report) -> float | None:
        value = report.figure(scenario, "gateway", name)
        return None if value is None else value * scale

    return read


def _slow_ratio(scenario: str) -> Callable[[Report], float | None]:
    def read(report: Report) -> float | None:
        ratios: list[float | None] = [
            result.p99_ms / result.p99_alone_ms
            for result in report.of(scenario, "gateway")
            if result.p99_ms and result.p99_alone_ms
        ]
        return median(ratios)

    return read


def _faults(report: Report) -> float | None:
    ours = [result for result in report.results if result.contender == "gateway"]
    return sum(len(result.faults) for result in ours) if ours else None


def _slow(scenario: str) -> tuple[Claim, ...]:
    return (
        Claim(scenario, "fast clients' p99, with slow ones ÷ without", _slow_ratio(scenario), 1.3, 1.3, "×"),
        Claim(scenario, "growth of RSS", _figure(scenario, "rss_drift", 100), NO_DRIFT * 100, NO_DRIFT * 100, "%"),
        Claim(scenario, "older bytes before current prices", _figure(scenario, "older_kb"), 64, 64, "KB", shown=".0f"),
    )


CLAIMS = (
    Claim("bursts", "CPU per tick ÷ send_str", _cpu("bursts", "send_str"), 1 / 25, 1 / 25, "×", shown=".3f"),
    Claim("bursts", "CPU per tick ÷ floor", _cpu("bursts", "floor"), 2, 1.3, "×"),
    Claim("flood", "million ticks/s delivered", _figure("flood", "ticks_per_s", 1e-6), 3, 3, "M/s", at_least=True),
    Claim("flood", "p99 age", _figure("flood", "p99_ms"), 60, 30, "ms", shown=".1f"),
    Claim("flood", "CPU per tick ÷ floor", _cpu("flood", "floor"), 1.6, 1.2, "×"),
    Claim("scattered", "CPU per tick ÷ floor, each tick alone", _cpu("scattered", "floor-alone"), 0.35, 0.2, "×"),
    Claim("scattered", "p99 age", _figure("scattered", "p99_ms"), 60, 40, "ms", shown=".1f"),
    Claim("quiet", "p50 age, resting ÷ never resting", _rests("quiet", "p50_ms"), 1.1, 1.1, "×"),
    Claim("light-bursts", "p99 age, resting ÷ never resting", _rests("light-bursts", "p99_ms"), 1.2, 1.2, "×"),
    Claim("half-busy", "p99 age, resting ÷ never resting", _rests("half-busy", "p99_ms"), 1.2, 1.2, "×"),
    Claim("singles", "share of a core", _figure("singles", "server_share", 100), 70, 70, "%", shown=".0f"),
    Claim("singles", "p99 age", _figure("singles", "p99_ms"), 5, 5, "ms", shown=".1f"),
    # Ten thousand come in a second: a hundredth of a core is a microsecond for each.
    Claim("unwanted", "CPU per tick that comes in", _figure("unwanted", "server_share", 100), 3, 3, "µs", shown=".1f"),
    Claim("idle", "memory per connection", _figure("idle", "kb_per_connection"), 14, 8, "KB", shown=".1f"),
    Claim("crowd", "memory per connection", _figure("crowd", "kb_per_connection"), 14, 8, "KB", shown=".1f"),
    Claim("storm", "CPU per client", _figure("storm", "ms_per_client"), 0.35, 0.2, "ms", shown=".3f"),
    Claim(
        "storm",
        "snapshots right",
        _figure("storm", "snapshots_right", 100),
        100,
        100,
        "%",
        at_least=True,
        shown=".1f",
    ),
    *_slow("slow"),
    *_slow("slow-1000"),
    Claim("all", "faults found by audits", _faults, 0, 0, shown=".0f"),
)

_COLUMNS: tuple[tuple[str, str, float, str], ...] = (
    ("ticks/s", "ticks_per_s", 1, ",.0f"),
    ("MB/s", "mb_per_s", 1, ",.1f"),
    ("µs CPU/tick", "cpu_us_per_tick", 1, ".3f"),
    ("gateway", "gateway_us_per_tick", 1, ".3f"),
    ("front", "front_us_per_tick", 1, ".3f"),
    ("bus", "bus_us_per_tick", 1, ".3f"),
    ("writes/s", "writes_per_s", 1, ",.0f"),
    ("pongs/s", "pongs_per_s", 1, ",.0f"),
    ("p50 ms", "p50_ms", 1, ",.1f"),
    ("p99 ms", "p99_ms", 1, ",.1f"),
    ("max ms", "max_ms", 1, ",.1f"),
    ("core %", "server_share", 100, ".0f"),
    ("load %", "load_share", 100, ".0f"),
    ("others %", "disturbance", 100, ".0f"),
    ("heartbeats %", "heartbeat_share", 100, ".1f"),
    ("KB/conn", "kb_per_connection", 1, ".1f"),
    ("ms/client", "ms_per_client", 1, ".3f"),
    ("clients/s", "clients_per_s", 1, ",.0f"),
    ("µs CPU/update", "cpu_us_per_update", 1, ".2f"),
    ("p99 alone", "p99_alone_ms", 1, ",.1f"),
    ("older KB", "older_kb", 1, ".0f"),
    ("of it own", "own_kb", 1, ".0f"),
)


def render(report: Report) -> str:
    """The whole report as text."""
    parts = [f"{report.when}, {report.took_s:.0f} s"]
    for scenario in SCENARIOS:
        names = [name for name in scenario.contenders if report.of(scenario.name, name)]
        if names:
            parts += [f"\n{scenario.name}: {scenario.about}", table(_figures(report, scenario.name, names))]
    parts += ["\npromises", table([["scenario", "what", "must", "aim", "measured", ""], *_claims(report)])]
    return "\n".join(parts + remarks(report.results))


def remarks(results: Sequence[Result]) -> list[str]:
    """Lines for unreliable figures, and for errors of servers; none if there is neither."""
    lines: list[str] = []
    for title, name in (("\nnotes", "notes"), ("\nFAULTS", "faults")):
        said = [
            f"  {result.scenario} {result.contender} ({result.round}): {remark}"
            for result in results
            for remark in attrgetter(name)(result)
        ]
        lines += [title, *said] if said else []
    return lines


def _claims(report: Report) -> list[list[str]]:
    rows = []
    for claim in CLAIMS:
        value = claim.value(report)
        if value is None:
            continue
        sign = "≥" if claim.at_least else "≤"
        rows.append(
            [
                claim.scenario,
                claim.what,
                f"{sign} {claim.must:g} {claim.unit}",
                f"{sign} {claim.aim:g} {claim.unit}",
                f"{value:{claim.shown}} {claim.unit}",
                claim.verdict(value),
            ]
        )
    return rows


def _figures(report: Report, scenario: str, names: Sequence[str]) -> list[list[str]]:
    """Head and rows, without columns that have no figure."""
    columns = []
    for title, name, scale, shown in _COLUMNS:
        values = [report.figure(scenario, contender, name) for contender in names]
        if any(value is not None for value in values):
            columns.append([title, *("–" if value is None else format(value * scale, shown) for value in values)])
    return [list(row) for row in zip(["", *names], *columns, strict=True)]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned text, the first of them the head. Names are on the left, figures on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {0, 1} if rows[0][0] == "scenario" else {0}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
