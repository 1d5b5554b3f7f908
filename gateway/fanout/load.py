"""How busy the event loop is: the share of the last tenth of a second that its thread was computing.

CPU time counts, and wall time does not: another program on the same core makes a flush take longer, and the gateway no
busier. Reading the thread's CPU time is a system call of half a microsecond, so it is read a hundred times a second at
most, however often somebody asks.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 0.1
"""The share is that of so long, or of the time since an older reading if nobody asked meanwhile."""

_STEP_S: Final = 0.01
"""The CPU time is not read more often than this."""


class LoopLoad:
    """The share of one thread. Ask it in that thread, and often: each question may take a reading."""

    __slots__ = ("_cpu_timer", "_next_at", "_readings", "_timer", "share")

    def __init__(self, timer: Callable[[], float], cpu_timer: Callable[[], float]) -> None:
        """``cpu_timer`` is the thread's CPU time, as `time.thread_time`; both are in seconds."""
        self._timer = timer
        self._cpu_timer = cpu_timer
        now = timer()
        self._readings = deque([(now, cpu_timer())])
        self._next_at = now + _STEP_S
        self.share = 0.0
        """`busy` as it was at the last reading."""

    @property
    def busy(self) -> float:
        """The share of a core, 0 to 1, over about `WINDOW_S`; at most `_STEP_S` old."""
        return self.busy_at(self._timer())

    def busy_at(self, now: float) -> float:
        """`busy`, for who has asked the timer already."""
        if now < self._next_at:
            return self.share
        self._next_at = now + _STEP_S
        readings = self._readings
        readings.append((now, self._cpu_timer()))
        # The first reading stays the youngest one that is old enough.
        while now - readings[1][0] >= WINDOW_S:
            readings.popleft()
        (since, before), (_, used) = readings[0], readings[-1]
        self.share = min(1.0, (used - before) / (now - since))
        return self.share
