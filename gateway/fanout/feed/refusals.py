"""Messages from the bus that cannot be used: counted, and logged now and then."""

import asyncio
import logging
from typing import Final

from gateway.log_events import BUS_MESSAGE_REFUSED
from gateway.metrics.counters import Counters

AGAIN_S: Final = 60.0
"""Between two log lines for one reason."""

logger = logging.getLogger(__name__)


class Refusals:
    """Counts every refused message, and logs one a minute for each reason."""

    def __init__(self, counters: Counters) -> None:
        self._counts = counters.bus_refused
        self._logged: dict[str, tuple[float, int]] = {}
        """Reason → when it was last logged, in the event loop's time, and the count then."""

    def __call__(self, reason: str, detail: str) -> None:
        """Note a message that was refused for ``reason``, one of a few words. ``detail`` is for the log."""
        count = self._counts[reason] = self._counts[reason] + 1
        now = asyncio.get_running_loop().time()
        logged = self._logged.get(reason)
        if logged is None or now - logged[0] >= AGAIN_S:
            others = "" if logged is None else f"; {count - logged[1] - 1} others since the last line"
            self._logged[reason] = now, count
            logger.warning(BUS_MESSAGE_REFUSED, reason, detail, others)
