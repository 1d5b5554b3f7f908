"""Which tests run beside others, and in what order: several workers share the machine's cores.

A test marked `alone` measures time, CPU or memory, or fills the machine. Workers take turns by locks on two files, so
that one run of pytest, with one summary and one exit code, does for both kinds of test.
"""

import fcntl
import functools
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

DOOR = "door"
"""The file that is locked for an instant by most, and for longer by who waits to be alone."""

WORKERS_PER_TWO_CORES = 5
"""Tests mostly wait: for real programs, and for timeouts. Over all of them a test, with its programs, uses a third of a
core, so five use nearly two. Those that bring more of a load are `alone`."""
MOST_WORKERS = 8
"""More would have to wait for the longest tests."""
_BETWEEN = 0.8
"""The part of the quick tests that is handed out between the others."""
_GIVEN = 5
"""Steps of niceness; the kernel then gives a third as much of a core that both want (sched(7))."""


def worker_count() -> int:
    """How many workers `-n auto` is, on the cores that we may use."""
    return min(-(-WORKERS_PER_TWO_CORES * len(os.sched_getaffinity(0)) // 2), MOST_WORKERS)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The order in which tests are handed out: real programs and quick ones in turn, and who is alone last.

    A worker with quick ones starts no real programs, so those of others have more of the machine. Some quick ones are
    left for the time until the last of the long ones has ended, and from there on nobody waits.
    """
    real, quick, alone = ([item for item in items if _place(item) == place] for place in range(3))
    between = int(len(quick) * _BETWEEN) // max(1, len(real))
    ordered: list[pytest.Item] = []
    rest = iter(quick)
    for item in real:
        ordered += [item, *itertools.islice(rest, between)]
    return [*ordered, *rest, *alone]


def _place(item: pytest.Item) -> int:
    if item.get_closest_marker("alone"):
        return 2
    return 0 if item.get_closest_marker("integration") else 1


@contextmanager
def giving_way(item: pytest.Item) -> Iterator[None]:
    """Let tests of real programs, which go by the machine's clock, go first while ``item`` runs, if it is quick."""
    if _place(item) != 1 or not _may_give_way():
        yield
        return
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, before + _GIVEN)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@functools.cache
def _may_give_way() -> bool:
    """Whether what was given can be taken back: not everybody may, and not in every container."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_gives_and_takes).result()


def _gives_and_takes() -> bool:
    # Of this thread alone.
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, before + 1)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, before)
    except OSError:
        return False
    return True


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
