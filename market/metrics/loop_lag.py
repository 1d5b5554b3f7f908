"""How late the event loop is: what a callback waits that is due now."""

import asyncio
from typing import Final

from market.metrics.histogram import Histogram, seconds
from market.process.cadence import Cadence

EVERY_S: Final = 0.25


class LoopLag:
    """Asks the loop to be woken four times a second, and notes how late it was."""

    def __init__(self, cadence: Cadence) -> None:
        """``cadence`` says when."""
        self._cadence = cadence
        self.histogram: Histogram = seconds(10)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            left_s = self._cadence.wait_s(EVERY_S)
            due = loop.time() + left_s
            await asyncio.sleep(left_s)
            self.histogram.observe(int((loop.time() - due) * 1e6))
