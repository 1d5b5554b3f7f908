"""Is what a process holds what it held before? Readings in, complaints out; no I/O."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from tests.soak.reading import Reading

COUNTS: Final = ("connections", "cohorts", "laggards", "tasks", "files")
"""What must be exactly what it was."""

MAY_GROW_BYTES: Final = 8 * 2**20
"""Resident memory, from the end of the first round to the end of the last. The allocator keeps pages of a peak in
which a block or two are still in use; in ten minutes that was one or two MiB."""
MAY_GROW_BLOCKS: Final = 0.05
"""Blocks that Python holds, as a share of those at the end of the first round: caches of the libraries that fill, and
garbage that is still to be collected. Seen were 1 %; one block for each connection of ten minutes would be 10 %."""


def differences(before: Reading, now: Reading, *, most_bus_links: int) -> list[str]:
    """Which counts are not what they were; nothing where all are."""
    found = [
        f"{name} {getattr(now, name):,}, at first {getattr(before, name):,}"
        for name in COUNTS
        if getattr(now, name) != getattr(before, name)
    ]
    if now.bus_links > most_bus_links:
        found.append(f"links to the bus {now.bus_links}, of which there may be {most_bus_links}")
    return found


def growth(calm: Sequence[Reading], name: str) -> int | None:
    """How much the process of the last reading has gained since its first; None where that is the only one of it.

    ``calm`` are the readings at the ends of rounds.
    """
    own = [getattr(reading, name) for reading in calm if reading.pid == calm[-1].pid]
    return own[-1] - own[0] if len(own) > 1 else None


def leaks(calm: Sequence[Reading]) -> list[str]:
    """What is wrong with the memory of a process that was read at the end of each round; nothing where all is well."""
    found = []
    if (gained := growth(calm, "rss_bytes") or 0) > MAY_GROW_BYTES:
        found.append(f"resident memory grew by {gained / 2**20:.1f} MiB; {MAY_GROW_BYTES / 2**20:.1f} may be")
    if gained := growth(calm, "memory_blocks") or 0:
        allowed = int(MAY_GROW_BLOCKS * (calm[-1].memory_blocks - gained))
        if gained > allowed:
            found.append(f"Python's memory grew by {gained:,} blocks; {allowed:,} may be")
    return found


def most(readings: Iterable[Reading], name: str) -> int:
    """The highest of one count; 0 where nothing was read."""
    return max((getattr(reading, name) for reading in readings), default=0)


def rate(readings: Sequence[Reading], name: str, seconds: float) -> float:
    """How much of what only grows came per second; what a process that was started anew had before is its own."""
    gained = 0.0
    for before, now in itertools.pairwise(readings):
        start = getattr(before, name) if before.pid == now.pid else 0
        gained += getattr(now, name) - start
    return gained / seconds
