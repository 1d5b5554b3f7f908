"""One log line when a fault begins, one when it ends, none between."""

import logging

from poller.log_events import FAULTS_BEGAN, FAULTS_OVER


class LogThrottle:
    """Logs a kind of fault that comes in bursts; a burst is over after ``quiet_s`` without one."""

    def __init__(self, logger: logging.Logger, what: str, quiet_s: float = 10.0) -> None:
        self._logger = logger
        self._what = what
        self._quiet_s = quiet_s
        self._count = 0
        self._last = 0.0

    def note(self, detail: str, now: float) -> None:
        """Count one more fault, at the monotonic time ``now``."""
        self.settle(now)
        self._count += 1
        self._last = now
        if self._count == 1:
            self._logger.warning(FAULTS_BEGAN, self._what, detail)

    def settle(self, now: float) -> None:
        """Log the end of a burst that is over; call this periodically."""
        if self._count and now - self._last >= self._quiet_s:
            self._logger.info(FAULTS_OVER, self._what, self._count)
            self._count = 0
