"""When pending ticks are flushed.

`SharedFlushScheduler` flushes in the next turn of the event loop. So everything that one read from the bus brought in
goes out together. After expensive flushes it pauses in proportion, and conflates what nobody could have seen in time.
`RatedFlushScheduler` flushes one group at a fixed rate at most.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

logger = logging.getLogger(__name__)


class Flushable(Protocol):
    """A group, as a scheduler sees it."""

    def flush(self) -> None:
        """Send the pending ticks. Never waits."""


class FlushScheduler(Protocol):
    """Decides when to flush."""

    resting: bool
    """Whether newer ticks should replace pending ones, not follow them."""

    def want(self, group: Flushable) -> None:
        """``group`` has something pending, and had nothing before."""


class Throttle(Struct, frozen=True):
    """How a `SharedFlushScheduler` trades latency for fewer, larger writes."""

    factor: float = 3.0
    """The pause, as a multiple of the flush's time; 0 means none. At 3, flushing takes a quarter of a core."""
    longest_s: float = 0.014
    """The longest pause: not noticeable for a person, or for a market maker across the network."""
    credit_s: float = 0.005
    """So much pause may be owed before one is taken: a quiet gateway adds no latency, and conflates nothing."""


class SharedFlushScheduler:
    """Flushes all its waiting groups together."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timer: Callable[[], float], throttle: Throttle) -> None:
        """``timer`` measures flushes, in seconds; the loop's own clock may stand still within a turn."""
        self._loop = loop
        self._timer = timer
        self._throttle = throttle
        self._waiting: list[Flushable] = []
        self._owed_until = 0.0
        self.resting = False

    def want(self, group: Flushable) -> None:
        """See `FlushScheduler.want`."""
        self._waiting.append(group)
        if len(self._waiting) > 1:
            return
        wait_s = self._owed_until - self._throttle.credit_s - self._timer()
        if wait_s > 0:
            self.resting = True
            self._loop.call_later(wait_s, self.flush)
        else:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Flush every waiting group now, and note what it cost."""
        self.resting = False
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        throttle = self._throttle
        started = self._timer()
        for group in waiting:
            try:
                group.flush()
            except Exception:
                # An error in one group must not leave the others without a flush.
                logger.exception("a group could not be flushed")
        ended = self._timer()
        owed_until = max(self._owed_until, ended) + (ended - started) * throttle.factor
        self._owed_until = min(owed_until, ended + throttle.longest_s + throttle.credit_s)


class RatedFlushScheduler:
    """Flushes one group at most ``hz`` times a second. A tick after a quiet time goes out at once."""

    resting = True

    def __init__(self, loop: asyncio.AbstractEventLoop, hz: float) -> None:
        self._loop = loop
        self._interval_s = 1 / hz
        # The first member of a new group has just been sent its snapshots.
        self._flushed_at = loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def want(self, group: Flushable) -> None:
        """See `FlushScheduler.want`."""
        if self._timer is None:
            at = max(self._loop.time(), self._flushed_at + self._interval_s)
            self._timer = self._loop.call_at(at, self._flush, group)

    def _flush(self, group: Flushable) -> None:
        self._timer = None
        self._flushed_at = self._loop.time()
        group.flush()
