"""The pending ticks of a group: the newest tick of each topic, or every tick.

A tick becomes pending once per group, for any number of cohorts that hold its topic. So publishing costs the same
for one client and for twenty thousand. A group is one of these two classes, and its flush empties it.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection

from gateway.fanout.pacing.flush_scheduler import FlushScheduler
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick


class NewestPending(ABC):
    """Keeps the newest tick of each topic."""

    def __init__(self, scheduler: FlushScheduler, counters: Counters) -> None:
        """``scheduler`` decides when to flush."""
        self._scheduler = scheduler
        self._counters = counters
        self._window: dict[str, FramedTick] = {}
        self._since = 0
        """The offset before the window's first tick, if there is one."""

    @property
    def pending(self) -> Collection[FramedTick]:
        """See `gateway.fanout.cohorts.group.Group.pending`."""
        return self._window.values()

    def offer(self, tick: FramedTick) -> None:
        """See `gateway.fanout.cohorts.group.Group.offer`."""
        topic, window = tick.topic, self._window
        if topic in window:
            if self._scheduler.resting:
                self._counters.ticks_conflated += 1
            else:
                # No conflation without need: two ticks of one topic in one read are sent as two. This tick goes with
                # the flush that the scheduler still owes.
                self.flush()
                window = self._window
                self._since = tick.offset - 1
        elif not window:
            self._since = tick.offset - 1
            self._scheduler.want(self)
        window[topic] = tick

    @abstractmethod
    def flush(self) -> None:
        """See `gateway.fanout.cohorts.group.Group.flush`."""


class EveryPending(ABC):
    """Keeps every tick, in order."""

    def __init__(self, scheduler: FlushScheduler) -> None:
        """``scheduler`` decides when to flush."""
        self._scheduler = scheduler
        self._ticks: list[FramedTick] = []

    @property
    def pending(self) -> Collection[FramedTick]:
        """See `gateway.fanout.cohorts.group.Group.pending`."""
        return self._ticks

    def offer(self, tick: FramedTick) -> None:
        """See `gateway.fanout.cohorts.group.Group.offer`."""
        if not self._ticks:
            self._scheduler.want(self)
        self._ticks.append(tick)

    @abstractmethod
    def flush(self) -> None:
        """See `gateway.fanout.cohorts.group.Group.flush`."""
