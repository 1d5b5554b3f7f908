"""One log line where a fault begins, one where it ends, none between."""

import logging


class LogThrottle:
    """A kind of fault that comes in bursts; one is over when nothing came for ``quiet_s``."""

    def __init__(self, logger: logging.Logger, what: str, quiet_s: float = 10.0) -> None:
        self._logger = logger
        self._what = what
        self._quiet_s = quiet_s
        self._count = 0
        self._last = 0.0

    def note(self, detail: str, now: float) -> None:
        """One more, at the monotonic time ``now``."""
        self.settle(now)
        self._count += 1
        self._last = now
        if self._count == 1:
            self._logger.warning("%s: %s", self._what, detail)

    def settle(self, now: float) -> None:
        """Log the end of a burst that is over; call it now and then."""
        if self._count and now - self._last >= self._quiet_s:
            self._logger.info("%s: over, %d in all", self._what, self._count)
            self._count = 0
