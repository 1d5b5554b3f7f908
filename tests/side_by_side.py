"""Which tests run beside others, and in what order: several workers share the machine's cores.

A test marked `alone` measures time, CPU or memory, or fills the machine. Workers take turns by locks on two files, so
that one run of pytest, with one summary and one exit code, does for both kinds of test.
"""

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DOOR = "door"
"""The file that is locked for an instant by most, and for longer by who waits to be alone."""

WORKERS_PER_TWO_CORES = 5
"""A test of real programs uses a third of a core: it waits for most of its time. Of five workers on two cores nearly
four run such tests, and the others quick ones meanwhile (`in_order`), which use a core each."""
MOST_WORKERS = 8
"""More would have to wait for the longest tests."""

_REAL_PROGRAMS_UNTIL = 0.85
"""When this share of the quick tests is handed out, the last test of real programs is."""


def worker_count() -> int:
    """How many workers `-n auto` is, on the cores that we may use."""
    return min(-(-WORKERS_PER_TWO_CORES * len(os.sched_getaffinity(0)) // 2), MOST_WORKERS)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The order in which tests are handed out: real programs and quick ones in turn, and who is alone last.

    So cores are neither idle while all wait for programs, nor too busy when all start some. Tests of a file stay
    together, for they share fixtures. The last quick ones fill the time until the last of the long ones has ended, and
    from there on nobody waits.
    """
    alone = [item for item in items if item.get_closest_marker("alone")]
    others = [item for item in items if not item.get_closest_marker("alone")]
    real = [item for item in others if item.get_closest_marker("integration")]
    quick = [item for item in others if not item.get_closest_marker("integration")]
    files = [*_by_file(real, _REAL_PROGRAMS_UNTIL), *_by_file(quick, 1.0)]
    files.sort(key=lambda placed: placed[0])
    return [item for _, file in files for item in file] + alone


def _by_file(items: list[pytest.Item], end: float) -> Iterator[tuple[float, list[pytest.Item]]]:
    """The tests of each file, in order, and where they begin if all of ``items`` are spread from 0 to ``end``."""
    done = 0
    for _, its in itertools.groupby(items, key=lambda item: item.path):
        file = list(its)
        yield end * done / len(items), file
        done += len(file)


class Turns:
    """Turns that tests share, and turns that one test has alone.

    Every test passes a door, and holds a room for as long as it runs. A test that must be alone keeps the door locked
    until the room is empty: otherwise tests that overlap would keep it out for ever. Both are files, which are only
    locked, never read or written. The kernel drops the locks of a process when it ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        """Those who name the same folder take turns with each other."""
        self._door = os.open(folder / DOOR, os.O_RDONLY | os.O_CREAT, 0o600)
        self._room = os.open(folder / "room", os.O_RDONLY | os.O_CREAT, 0o600)

    @contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Wait for a turn, and have it for the length of a ``with`` block."""
        fcntl.flock(self._door, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self._door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            # In so many words: a child that was forked has the same file open, and may live on.
            fcntl.flock(self._room, fcntl.LOCK_UN)
