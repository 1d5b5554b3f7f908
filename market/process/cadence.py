"""One beat for the periodic work of a process, so that an idle process wakes up once for all of it.

A wake-up of an idle process costs 0.1 to 0.2 ms of CPU, since its caches are cold; what is done then often costs less.
No I/O.
"""

from collections.abc import Callable


class Cadence:
    """The times at which periodic work is due. Seconds, by the timer that it is given."""

    def __init__(self, timer: Callable[[], float]) -> None:
        """Begin now. ``timer`` is the event loop's."""
        self._timer = timer
        self._began_at = timer()

    def wait_s(self, period_s: float) -> float:
        """How long until work with this period is due: at multiples of it since the begin.

        A timer that fired a little too early is taken for punctual, so the wait is at least a tenth of the period.
        """
        left_s = period_s - (self._timer() - self._began_at) % period_s
        return left_s if left_s > period_s / 10 else left_s + period_s
