"""Is this tree slower than that commit? Ratios of paired rounds with their intervals, and the verdict.

In each round both run one after the other, so the machine mostly affects both alike. The ratio this ÷ that of every
round is taken as a logarithm. The result is the geometric mean of the ratios, with the 95 % interval of Student's t for
the mean of paired differences. Logarithms, because a ratio and its inverse must weigh the same
(Fleming and Wallace, "How not to lie with statistics", CACM 29(3), 1986); t, because rounds are few (Georges, Buytaert
and Eeckhout, "Statistically rigorous Java performance evaluation", OOPSLA 2007, section 3).
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from msgspec import Struct

from bench.host.usage import DISTURBED
from bench.reports.report import table
from bench.result import Result

LIMIT = 1.03
"""A regression is an interval that lies wholly above this."""

_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""The upper 2.5 % point of Student's t, for 1 to 30 degrees of freedom. Beyond, the last is at most 4 % too wide."""


@dataclass(frozen=True)
class Figure:
    """A figure compared in a scenario; less is better."""

    scenario: str
    title: str
    name: str
    """The name of the field of `Result`."""
    shown: str
    is_part: bool = False
    """Whether another figure is judged, of which this is a part."""


FIGURES = (
    Figure("bursts", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("flood", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("flood", "p99 ms", "p99_ms", ".1f"),
    Figure("scattered", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("scattered", "p99 ms", "p99_ms", ".1f"),
    Figure("quiet", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("quiet", "p50 ms", "p50_ms", ".2f"),
    Figure("light-bursts", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("light-bursts", "p99 ms", "p99_ms", ".1f"),
    Figure("half-busy", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("half-busy", "p99 ms", "p99_ms", ".1f"),
    Figure("singles", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("singles", "p99 ms", "p99_ms", ".1f"),
    Figure("system", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("system", "p99 ms", "p99_ms", ".1f"),
    Figure("crowd", "KB/conn", "kb_per_connection", ".2f"),
    Figure("crowd", "heartbeats", "heartbeat_share", ".4f"),
    Figure("crowd", "p99 ms", "p99_ms", ".1f"),
    Figure("unwanted", "µs CPU/tick", "cpu_us_per_tick", ".1f"),
    Figure("unwanted-singles", "µs CPU/tick", "cpu_us_per_tick", ".1f"),
    Figure("unwanted-hundreds", "µs CPU/tick", "cpu_us_per_tick", ".1f"),
    Figure("idle", "KB/conn", "kb_per_connection", ".2f"),
    Figure("storm", "ms CPU/client", "ms_per_client", ".3f"),
    Figure("poller", "µs CPU/update", "cpu_us_per_update", ".2f"),
    Figure("slow", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("slow", "p99 ms", "p99_ms", ".1f"),
    Figure("slow-1000", "µs CPU/tick", "cpu_us_per_tick", ".3f"),
    Figure("slow-1000", "p99 ms", "p99_ms", ".1f"),
)

FRONTED = tuple(
    Figure(scenario, title, name, shown, is_part)
    for scenario in ("bursts", "scattered", "flood", "quiet")
    for title, name, shown, is_part in (
        ("µs CPU/tick", "cpu_us_per_tick", ".3f", False),
        ("of the gateway", "gateway_us_per_tick", ".3f", True),
        ("of HAProxy", "front_us_per_tick", ".3f", True),
        ("p99 ms", "p99_ms", ".1f", False),
    )
)
"""With HAProxy in front: the use of both together, and of each alone."""


class Pair(Struct, frozen=True):
    """One scenario in one round, on both trees."""

    this: Result
    that: Result

    @property
    def is_disturbed(self) -> bool:
        """Whether other programs used too much of the machine while either was measured."""
        return max(self.this.disturbance, self.that.disturbance) > DISTURBED


class Ratio(Struct, frozen=True):
    """A row: one figure, this tree's ÷ the commit's. Without two pairs ``mean``, ``low`` and ``high`` are None."""

    scenario: str
    figure: str
    this: float | None
    """The median over rounds, as ``that``."""
    that: float | None
    pairs: int
    disturbed: int
    """How many pairs were disturbed."""
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    is_part: bool = False

    @property
    def is_regression(self) -> bool:
        """Whether it is slower, by more than chance and by more than a little."""
        return self.low is not None and self.low > LIMIT and not self.is_part

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if self.low is None or self.high is None:
            return "NOT MEASURED"
        if self.is_part:
            return ""
        if self.low > LIMIT:
            return "REGRESSION"
        if self.high < 1:
            return "better"
        return "no slower" if self.high <= LIMIT else "undecided"


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """The geometric mean of ``ratios``, and the ends of its 95 % interval.

    Raises:
        ValueError: fewer than two ratios, or one that is not positive.
    """
    if len(ratios) < 2:
        raise ValueError("an interval needs two ratios")
    logs = [math.log(ratio) for ratio in ratios]
    mean = statistics.fmean(logs)
    freedom = len(logs) - 1
    half = _T[min(freedom, len(_T)) - 1] * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def compare(scenarios: Iterable[str], pairs: Sequence[Pair], figures: Sequence[Figure] = FIGURES) -> list[Ratio]:
    """One row for each figure of ``scenarios``. A round in which a server did something wrong has no figures."""
    rows = []
    for figure in figures:
        if figure.scenario not in scenarios:
            continue
        read = attrgetter(figure.name)
        sound = [
            pair
            for pair in pairs
            if pair.this.scenario == figure.scenario
            and not (pair.this.faults or pair.that.faults)
            # A figure of zero or less means nothing: no ticks, or memory that others freed meanwhile.
            and all((value := read(side)) is not None and value > 0 for side in (pair.this, pair.that))
        ]
        this, that = [read(pair.this) for pair in sound], [read(pair.that) for pair in sound]
        mean = low = high = None
        if len(sound) >= 2:
            mean, low, high = interval([ours / theirs for ours, theirs in zip(this, that, strict=True)])
        rows.append(
            Ratio(
                scenario=figure.scenario,
                figure=figure.title,
                this=statistics.median(this) if this else None,
                that=statistics.median(that) if that else None,
                pairs=len(sound),
                disturbed=sum(pair.is_disturbed for pair in sound),
                mean=mean,
                low=low,
                high=high,
                is_part=figure.is_part,
            )
        )
    return rows


def exit_code(rows: Sequence[Ratio], pairs: Sequence[Pair]) -> int:
    """1 if this tree is slower or does something wrong, 2 if a row was not measured, else 0."""
    if any(row.is_regression for row in rows) or any(pair.this.faults for pair in pairs):
        return 1
    return 2 if any(row.low is None for row in rows) else 0


def render(rows: Sequence[Ratio], commit: str) -> str:
    """The rows as text."""
    shown = {(figure.scenario, figure.title): figure.shown for figure in (*FIGURES, *FRONTED)}
    head = ["scenario", "figure", commit, "this tree", "this ÷ that", "95 % interval", "rounds", "disturbed", ""]
    lines = [head]
    for row in rows:
        form = shown[row.scenario, row.figure]
        medians = ["–" if value is None else format(value, form) for value in (row.that, row.this)]
        ratio, ends = "–", "–"
        if row.mean is not None and row.low is not None and row.high is not None:
            ratio, ends = f"{row.mean:.3f}", f"{row.low:.3f} – {row.high:.3f}"
        lines.append([row.scenario, row.figure, *medians, ratio, ends, str(row.pairs), str(row.disturbed), row.verdict])
    return table(lines)
