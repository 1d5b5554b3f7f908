"""A run as lines of text: of each count the most that there was in a round, and what was left when all had gone."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.soak.reading import Reading
from tests.soak.verdict import growth, most, rate

_WIDTHS: Final = {
    "connections": 11,
    "cohorts": 9,
    "slow_consumers": 8,
    "tasks": 8,
    "files": 9,
    "bus_links": 9,
    "memory_blocks": 19,
}
_COMMON: Final = 8
"""So many ends of each kind of clients are told; the others are rare."""


def head(calm: Mapping[str, Sequence[Reading]]) -> Iterator[str]:
    """The first lines: what is in the columns, and what each process held before the first round."""
    counts = " ".join(f"{name.replace('_', ' '):>{width}}" for name, width in _WIDTHS.items())
    yield f"round {'process':<9} {counts} {'RSS MiB':>13} {'ticks/s':>8} {'CPU':>4}"
    for name, readings in calm.items():
        yield _line("began", name, readings[:1])


def ended(number: int, name: str, readings: Sequence[Reading], seconds: float) -> str:
    """The line of a process and one round of ``seconds``.

    ``readings`` are from the last of the round before to the last of this one, which is when all was calm.
    """
    sent = f"{rate(readings, 'ticks_sent', seconds):,.0f}" if readings[-1].is_gateway else ""
    return f"{_line(str(number), name, readings)} {sent:>8} {rate(readings, 'cpu_s', seconds):>4.0%}"


def summary(
    calm: Mapping[str, Sequence[Reading]],
    ends: Counter[str],
    faults: Mapping[str, int],
    lines: Mapping[str, int],
) -> Iterator[str]:
    """What there was in all. ``ends`` are kinds of clients and how they ended."""
    yield ""
    for name, readings in calm.items():
        yield f"memory of {name} since the end of its first round: {_gained(readings[1:])}"
    yield f"clients: {ends.total():,}"
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for end, count in sorted(ends.items()):
        kind, _, how = end.partition(": ")
        kinds[kind][how] += count
    for kind, how_often in kinds.items():
        common = ", ".join(f"{how} {count:,}" for how, count in how_often.most_common(_COMMON))
        yield f"  {kind:<13} {how_often.total():>6,}  {common}"
    yield f"faults: {_listed(faults)}"
    yield f"lines logged: {_listed(lines)}"


def _gained(calm: Sequence[Reading]) -> str:
    rss, blocks, came = (growth(calm, name) for name in ("rss_bytes", "memory_blocks", "connections_accepted"))
    if rss is None:
        return "no other since it was started anew"
    told = f"{rss / 2**20:+.1f} MiB"
    return f"{told}, {blocks:+,} blocks, with {came:,} connections" if calm[-1].is_gateway else told


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _line(title: str, name: str, readings: Sequence[Reading]) -> str:
    calm = readings[-1]
    counts = []
    for count, width in _WIDTHS.items():
        highest, left = most(readings, count), getattr(calm, count)
        # A socket that was opened or closed between two looks passes for a link.
        told = f"{left:,}" if count == "bus_links" or highest == left else f"{highest:,} → {left:,}"
        if not calm.is_gateway and count not in ("files", "bus_links"):
            told = ""
        counts.append(f"{told:>{width}}")
    rss = f"{most(readings, 'rss_bytes') / 2**20:.1f} → {calm.rss_bytes / 2**20:.1f}"
    return f"{title:>5} {name:<9} {' '.join(counts)} {rss:>13}"
