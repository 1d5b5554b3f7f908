"""When pending ticks are flushed.

`SharedFlushScheduler` flushes in the next turn of the event loop. So everything that one read from the bus brought in
goes out together. On a busy loop it rests between flushes, so that one write takes the place of several, and conflates
what nobody could have seen in time. A loop that is not busy never rests: it would only add latency.
`RatedFlushScheduler` flushes one group at a fixed rate at most.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from msgspec import Struct

from gateway.fanout.pacing.load import Gaps, LoopLoad
from gateway.log_events import GROUP_NOT_FLUSHED
from gateway.metrics.fan_out import FanOut

LEAST_S: Final = 0.0005
"""Shorter rests are left out: the event loop's timers know milliseconds."""

logger = logging.getLogger(__name__)


class Flushable(Protocol):
    """A group, as a scheduler sees it."""

    def flush(self) -> None:
        """Send the pending ticks. Never waits."""


class FlushScheduler(Protocol):
    """Decides when to flush."""

    @property
    def resting(self) -> bool:
        """Whether newer ticks should replace pending ones, not follow them."""

    def want(self, group: Flushable) -> None:
        """``group`` has something pending, and had nothing before."""


class Throttle(Struct, frozen=True):
    """How a `SharedFlushScheduler` trades latency for fewer, larger writes."""

    factor: float = 3.0
    """The longest rest, as a multiple of the flush's time; 0 means none. At 3, flushing takes a quarter of a core."""
    longest_s: float = 0.014
    """No rest is longer: not noticeable for a person, or for a market maker across the network."""
    moderate_s: float = 0.005
    """Nor than this while a core is enough without resting."""
    begins: float = 0.5
    """No rest while the loop would be busy for less than this share of a core."""
    full: float = 0.9
    """From this share on the loop may fall behind, and rests grow from ``moderate_s`` to ``longest_s``."""

    def rest_s(self, demand: float, cost_s: float) -> float:
        """The rest after a flush of ``cost_s``, if without resting the loop would need the share ``demand``."""
        if demand <= self.begins:
            return 0.0
        demand = min(demand, 1.0)
        longest_s = self.moderate_s
        if demand > self.full:
            longest_s += (self.longest_s - longest_s) * (demand - self.full) / (1 - self.full)
        growth = min(1.0, (demand - self.begins) / (self.full - self.begins))
        return min(self.factor * cost_s * growth, longest_s)


class SharedFlushScheduler:
    """Flushes all its waiting groups together."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        load: LoopLoad,
        throttle: Throttle,
        published: Callable[[], int],
        fan_out: FanOut,
    ) -> None:
        """``load`` is that of ``loop``. ``published`` is the number of ticks and states published so far."""
        self._loop = loop
        self._load = load
        self._throttle = throttle
        self._published = published
        self._fan_out = fan_out
        self._recv_us = 0
        """When the exchange's message came that brought the first of the pending ticks."""
        self._waiting: list[Flushable] = []
        self._gaps = Gaps()
        self._ended = load.timer()
        """When the last flush was over."""
        self._turned = self._came_late = True
        """Whether the loop has looked for news since, and whether it had when the first of the pending ticks came."""
        self._rest_until = 0.0
        self._began = 0.0
        """When the first of the pending ticks came."""
        self._before = self._after_first = 0
        """The ticks published before the first that waits, and after the read that brought it."""
        self._resting = False

    @property
    def resting(self) -> bool:
        """See `FlushScheduler.resting`. What is overdue may be replaced, too: one read can bring seconds of ticks."""
        return self._resting or self._load.timer() - self._began > self._throttle.longest_s

    def want(self, group: Flushable) -> None:
        """See `FlushScheduler.want`."""
        self._waiting.append(group)
        if len(self._waiting) > 1:
            return
        self._came_late = self._turned
        self._recv_us = self._fan_out.recv_us
        self._began = self._load.timer()
        wait_s = self._rest_until - self._began
        if wait_s >= LEAST_S:
            self._resting = True
            self._before = self._published()
            self._loop.call_later(wait_s, self.flush)
            self._loop.call_soon(self._first_read)
        else:
            self._loop.call_soon(self.flush)

    def _first_read(self) -> None:
        """The read from the bus that brought the first pending tick is over."""
        self._after_first = self._published()

    def flush(self) -> None:
        """Flush every waiting group now, and decide how long to rest after it."""
        rested, self._resting = self._resting, False
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        load = self._load
        started = load.timer()
        if not self._throttle.factor:
            _flush(waiting)
            self._fan_out.flushed(self._recv_us, load.timer() - started)
            return
        if rested or self._demand_at(started) > self._throttle.begins:
            cpu_before = load.cpu_timer()
            _flush(waiting)
            cost_s = load.cpu_timer() - cpu_before
        else:
            # Reading the CPU time costs half a microsecond, and no rest is due.
            _flush(waiting)
            cost_s = 0.0
        rested_s = started - self._began if rested else 0.0
        if rested:
            # Without the rest, each further read would have been followed by a flush of its own; as far as time allows.
            first = max(1, self._after_first - self._before)
            joined = (self._published() - self._before) / first - 1
            load.save(min(joined * cost_s, rested_s))
        ended = load.timer()
        self._fan_out.flushed(self._recv_us, ended - started)
        # Ticks that were there already when the last flush was over were not waited for, whatever else was done first.
        waited_s = self._began - self._ended if self._came_late else 0.0
        worked_s = ended - self._ended - waited_s - rested_s
        self._gaps.note(waited_s, worked_s)
        self._ended = ended
        # A turn of the loop costs a microsecond or two: not where gaps are longer than work.
        if waited_s < worked_s:
            self._turned = False
            self._loop.call_soon(self._turn)
        self._rest_until = ended + self._throttle.rest_s(self._demand_at(ended), cost_s)

    def _turn(self) -> None:
        """The loop has looked for news once since the last flush."""
        self._turned = True

    def _demand_at(self, now: float) -> float:
        """The share of a core that the loop would need if nobody rested; ``full`` at least if it falls behind."""
        demand = self._load.demand_at(now)
        return max(demand, self._throttle.full) if self._gaps.missing else demand


def _flush(groups: Iterable[Flushable]) -> None:
    for group in groups:
        try:
            group.flush()
        except Exception:
            # An error in one group must not leave the others without a flush.
            logger.exception(GROUP_NOT_FLUSHED)


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
