"""Is what a process holds what it held before? Readings in, complaints out; no I/O."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from tests.soak.reading import Reading

COUNTS: Final = ("connections", "cohorts", "slow_consumers", "tasks", "files")
"""What must be exactly what it was."""

MAY_GROW_BYTES: Final = 8 * 2**20
"""Resident memory, from the end of the first round to the end of the last. The allocator keeps pages of a peak in
which a block or two are still in use; in ten minutes that was one or two MiB."""
MAY_GROW_BLOCKS: Final = 10_000
MAY_GROW_BLOCKS_PER_CONNECTION: Final = 0.5
"""Blocks that Python holds, in the same time: so many, for caches of the libraries that fill; or for each connection
that came, where that is more, for garbage that waits for the collector, which rarely looks through what has grown old.
Seen were 0.2 for each; whatever leaks at every connection is a block of its own."""


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
    came = growth(calm, "connections_accepted") or 0
    allowed = max(MAY_GROW_BLOCKS, int(MAY_GROW_BLOCKS_PER_CONNECTION * came))
    if (gained := growth(calm, "memory_blocks") or 0) > allowed:
        found.append(f"Python's memory grew by {gained:,} blocks with {came:,} connections; {allowed:,} may be")
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
