"""Connections with an unfinished head: bounds their time and their number.

A connection that does not finish in time is cut off (slowloris), and so is the oldest of too many.
"""

import asyncio
from typing import Protocol

from gateway.metrics.counters import Counters


class Pending(Protocol):
    """A connection that has not finished a head."""

    def abort(self) -> None:
        """Cut it off without an answer."""


class PendingHandshakes:
    """The unfinished connections of one gateway."""

    def __init__(self, counters: Counters, *, timeout_s: float, most: int) -> None:
        """A head must be whole after ``timeout_s``. At most ``most`` may be unfinished at once; 0 means no limit."""
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._most = most
        self._due: dict[Pending, float] = {}
        """The oldest first, each with the time by which it must be finished."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """The number that are unfinished."""
        return len(self._due)

    def change(self, *, timeout_s: float, most: int) -> None:
        """Allow another time and another number from now on; nobody keeps more time than a new connection gets."""
        self._timeout_s, self._most = timeout_s, most
        latest = self._loop.time() + timeout_s
        self._due = {one: min(due, latest) for one, due in self._due.items()}
        while most and len(self._due) > most:
            self._cut_off(next(iter(self._due)))
        if self._timer is not None:
            self._timer.cancel()
        self._sweep()

    def enter(self, one: Pending) -> None:
        """``one`` has connected, or begins another request."""
        self._due[one] = self._loop.time() + self._timeout_s
        if self._most and len(self._due) > self._most:
            # The one that has had the longest time.
            self._cut_off(next(iter(self._due)))
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._sweep)

    def leave(self, one: Pending) -> None:
        """``one`` has a whole head, or has gone."""
        self._due.pop(one, None)

    def close(self) -> None:
        """Cut off all that have not finished."""
        if self._timer is not None:
            self._timer.cancel()
        for one in tuple(self._due):
            one.abort()
        self._due.clear()

    def _sweep(self) -> None:
        now = self._loop.time()
        while self._due:
            one, due = next(iter(self._due.items()))
            if due > now:
                self._timer = self._loop.call_at(due, self._sweep)
                return
            self._cut_off(one)
        self._timer = None

    def _cut_off(self, one: Pending) -> None:
        self._counters.handshakes_cut_off += 1
        del self._due[one]
        one.abort()
