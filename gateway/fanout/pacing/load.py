"""How busy the event loop is: the share of the last tenth of a second that its thread was computing.

CPU time counts, and wall time does not: another program on the same core makes a flush take longer, and the gateway no
busier. Reading the thread's CPU time is a system call of half a microsecond, so it is read a hundred times a second at
most, however often somebody asks.

Whoever rests makes the loop less busy, and would stop resting because of that. So it says what its rest has saved, and
decides by the `LoopLoad.demand`: how busy the loop would be if nobody rested.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 0.1
"""The share is that of so long, or of the time since an older reading if nobody asked meanwhile."""

_STEP_S: Final = 0.01
"""The CPU time is not read more often than this."""


_LEAST_GAPS: Final = 0.1
"""Whoever waits for less than this share of the time falls behind."""


class LoopLoad:
    """The load on one event loop. Ask it in the loop's thread, and often: each question may take a reading."""

    __slots__ = ("_busy", "_demand", "_next_at", "_readings", "_saved_s", "cpu_timer", "timer")

    def __init__(self, timer: Callable[[], float], cpu_timer: Callable[[], float] = time.thread_time) -> None:
        """``timer`` is the time, and ``cpu_timer`` the CPU time of the loop's thread; both are in seconds."""
        self.timer = timer
        self.cpu_timer = cpu_timer
        self._saved_s = 0.0
        now = timer()
        self._readings = deque([(now, cpu_timer(), 0.0)])
        self._next_at = now + _STEP_S
        self._busy = self._demand = 0.0

    @property
    def busy(self) -> float:
        """The share of a core, 0 to 1, over about `WINDOW_S`; at most `_STEP_S` old."""
        self.demand_at(self.timer())
        return self._busy

    @property
    def demand(self) -> float:
        """What `busy` would be if nobody rested: above 1 if a whole core would not be enough."""
        return self.demand_at(self.timer())

    def demand_at(self, now: float) -> float:
        """`demand`, for who has asked the timer already."""
        if now < self._next_at:
            return self._demand
        self._next_at = now + _STEP_S
        readings = self._readings
        readings.append((now, self.cpu_timer(), self._saved_s))
        # The first reading stays the youngest one that is old enough.
        while now - readings[1][0] >= WINDOW_S:
            readings.popleft()
        (since, used_before, saved_before), (_, used, saved) = readings[0], readings[-1]
        self._busy = min(1.0, (used - used_before) / (now - since))
        self._demand = self._busy + (saved - saved_before) / (now - since)
        return self._demand

    def save(self, cpu_s: float) -> None:
        """A rest has just saved work that would have taken so many seconds of CPU."""
        self._saved_s += cpu_s


class Gaps:
    """Does the loop ever wait for ticks? If it does not, it falls behind, however small its share is.

    A neighbour or a quota may leave a gateway a third of a core. All of that is then little, and yet not enough.
    """

    __slots__ = ("_span_s", "_waited_s")

    def __init__(self) -> None:
        self._span_s = self._waited_s = 0.0

    def note(self, waited_s: float, worked_s: float) -> None:
        """The loop waited for a tick for so long, at most, and then worked for so long."""
        span_s = waited_s + worked_s
        # What is older counts for less and less.
        keep = max(0.0, 1 - span_s / WINDOW_S)
        self._span_s = self._span_s * keep + span_s
        self._waited_s = self._waited_s * keep + waited_s

    @property
    def missing(self) -> bool:
        """Whether there was as good as no gap in the last tenth of a second."""
        return self._waited_s < _LEAST_GAPS * self._span_s and self._span_s >= WINDOW_S / 2
