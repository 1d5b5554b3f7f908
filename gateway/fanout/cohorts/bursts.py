"""States of many topics that change at once: sent piece by piece, so that slow readers are noticed in time.

An outage or a pause of the exchange changes thousands of topics. One blob of them would be hundreds of kilobytes, on
their way to everybody before anybody is seen to read slowly. So a cohort keeps what is still to be sent: the newest
state of each topic. The pieces are the same bytes for all its members, and ticks go between them. A member that falls
behind leaves the cohort, and gets the rest as it reads.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.fanout.cohorts.cohort import Cohort
from gateway.log_events import STATES_NOT_SENT

PIECE_S: Final = 0.025
"""With pieces of 8 KB this is 320 KB/s: the states of two thousand topics take less than a second."""

LOOK_S: Final = 0.15
"""The pause after the first piece: enough to notice a client that does not read at all."""

_REST: Final = 3
"""Sending takes a quarter of a core at most."""

logger = logging.getLogger(__name__)


class Bursts:
    """The cohorts with states that are still to be sent."""

    def __init__(self, send: Callable[[Cohort], bool], timer: Callable[[], float]) -> None:
        """``send`` sends a cohort's next piece, and says whether it was the last one; ``timer`` is in seconds."""
        self._send = send
        self._timer = timer
        self._cohorts: dict[Cohort, float] = {}
        """Cohort → when its next piece may go out, in the event loop's time."""
        self._loop = asyncio.get_running_loop()

    def add(self, cohort: Cohort) -> None:
        """``cohort`` has more to send."""
        if not self._cohorts:
            self._loop.call_later(PIECE_S, self._turn)
        self._cohorts.setdefault(cohort, self._loop.time() + LOOK_S)

    def __contains__(self, cohort: Cohort) -> bool:
        return cohort in self._cohorts

    def _turn(self) -> None:
        started, now = self._timer(), self._loop.time()
        for cohort in [cohort for cohort, due in self._cohorts.items() if due <= now]:
            try:
                is_last = self._send(cohort)
            except Exception:
                # Our own error with one cohort must not keep the others waiting.
                logger.exception(STATES_NOT_SENT)
                is_last = True
            if is_last:
                del self._cohorts[cohort]
        if self._cohorts:
            self._loop.call_later(max(PIECE_S, _REST * (self._timer() - started)), self._turn)
