"""Which tests run beside others, and in what order: several workers share the machine's cores.

A test marked `alone` measures time, CPU or memory, or fills the machine. Workers take turns by locks on two files, so
that one run of pytest, with one summary and one exit code, does for both kinds of test.
"""

import fcntl
import itertools
import math
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.waiting import until

DOOR = "door"
"""The file that is locked for an instant by most, and for longer by who waits to be alone."""

WORKERS_PER_TWO_CORES = 5
"""Tests mostly wait: for real programs, and for timeouts. Over all of them a test, with its programs, uses a third of a
core, so five use nearly two. Those that bring more of a load are `alone`."""
MOST_WORKERS = 8
"""More would have to wait for the longest tests."""


def worker_count() -> int:
    """How many workers `-n auto` is, on the cores that we may use."""
    return min(-(-WORKERS_PER_TWO_CORES * len(os.sched_getaffinity(0)) // 2), MOST_WORKERS)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The order in which tests are handed out: real programs first, then the quick ones, and who is alone last.

    The quick ones then fill the time until the last of the long ones has ended, and from there on nobody waits.
    """
    return sorted(items, key=_place)


def _place(item: pytest.Item) -> int:
    if item.get_closest_marker("alone"):
        return 2
    return 0 if item.get_closest_marker("integration") else 1


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


class Starts:
    """How many programs the tests of all workers start at a time.

    A program computes for half a second and more until it serves. If thirty start together each takes ten seconds, and
    what others measure meanwhile is wrong. A start is a file; as with `Turns`, files are only locked.
    """

    AT_A_TIME = 8

    def __init__(self, folder: Path) -> None:
        """Those who name the same folder share the starts."""
        names = ("start-door", *(f"start-{number}" for number in range(self.AT_A_TIME)))
        self._door, *self._starts = [os.open(folder / name, os.O_RDONLY | os.O_CREAT, 0o600) for name in names]
        # A file that this process has locked is not refused to it.
        self._locked: set[int] = set()

    @asynccontextmanager
    async def of(self, programs: int) -> AsyncIterator[None]:
        """Wait until so many programs may start, and have that for the length of an ``async with`` block."""
        wanted = min(programs, self.AT_A_TIME)
        mine: list[int] = []
        try:
            # Who waits keeps the door: otherwise those who want few would keep out for ever who wants many.
            await until(lambda: self._lock(self._door), within_s=math.inf)
            try:
                await until(lambda: self._take(mine, wanted), within_s=math.inf)
            finally:
                self._unlock(self._door)
            yield
        finally:
            for start in mine:
                self._unlock(start)

    def _take(self, mine: list[int], wanted: int) -> bool:
        mine += itertools.islice(filter(self._lock, self._starts), wanted - len(mine))
        return len(mine) == wanted

    def _lock(self, file: int) -> bool:
        if file in self._locked:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._locked.add(file)
        return True

    def _unlock(self, file: int) -> None:
        self._locked.discard(file)
        fcntl.flock(file, fcntl.LOCK_UN)


starts: Starts | None = None
"""Those of this run, if it has several workers."""


@asynccontextmanager
async def start_of(programs: int) -> AsyncIterator[None]:
    """The same as `Starts.of`, where others may start programs too."""
    if starts is None:
        yield
        return
    async with starts.of(programs):
        yield
