"""What came from the bus and is of no use: counted, and told in the log now and then."""

import asyncio
import logging
from typing import Final

from gateway.metrics import Counters

AGAIN_S: Final = 60.0
"""From one line of a kind to the next."""

logger = logging.getLogger(__name__)


class Refusals:
    """A flood of them is worth a metric, and one line a minute of each kind."""

    def __init__(self, counters: Counters) -> None:
        self._counts = counters.bus_refused
        self._logged: dict[str, tuple[float, int]] = {}
        """Kind → when it was last told, by the event loop's time, and how many there had been."""

    def __call__(self, reason: str, detail: str) -> None:
        """A message was refused for ``reason``, one of a few words; ``detail`` is for people."""
        count = self._counts[reason] = self._counts[reason] + 1
        now = asyncio.get_running_loop().time()
        logged = self._logged.get(reason)
        if logged is None or now - logged[0] >= AGAIN_S:
            others = "" if logged is None else f"; {count - logged[1] - 1} others since the last line"
            self._logged[reason] = now, count
            logger.warning("bus message refused (%s): %s%s", reason, detail, others)
