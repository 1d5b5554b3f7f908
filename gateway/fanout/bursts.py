"""States of many topics that change at once: to each cohort piece by piece, so that who reads slowly is seen in time.

An outage or an exchange's pause changes thousands of topics. As one blob that would be hundreds of kilobytes, on their
way to everybody before anybody can be seen to read slowly. A cohort keeps what is still to be sent, one state per
topic, of which the newest counts; the pieces are the same bytes for all its members, and ticks go between them. Who
falls behind leaves the cohort, and gets the rest as it reads.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.fanout.cohort import Cohort

PIECE_S: Final = 0.025
"""With pieces of 8 KB it is 320 KB/s: the states of two thousand topics take less than a second."""

LOOK_S: Final = 0.15
"""After the first piece who does not read at all has time to be noticed."""

_REST: Final = 3
"""Sending takes a quarter of a core at most."""

logger = logging.getLogger(__name__)


class Bursts:
    """The cohorts that have states still to be sent."""

    def __init__(self, send: Callable[[Cohort], bool], timer: Callable[[], float]) -> None:
        """``send`` sends a cohort's next piece, and says whether that was the last; ``timer`` is in seconds."""
        self._send = send
        self._timer = timer
        self._cohorts: dict[Cohort, float] = {}
        """Each with the time before which it is sent no more, in the event loop's time."""
        self._loop = asyncio.get_running_loop()

    def add(self, cohort: Cohort) -> None:
        """``cohort`` has more to be sent."""
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
                # A fault of ours with one must not keep the others waiting.
                logger.exception("a cohort could not be told states")
                is_last = True
            if is_last:
                del self._cohorts[cohort]
        if self._cohorts:
            self._loop.call_later(max(PIECE_S, _REST * (self._timer() - started)), self._turn)
