"""How late the event loop is: what a callback waits that is due now."""

import asyncio
from typing import Final

from market.metrics.histogram import Histogram, seconds

EVERY_S: Final = 0.1


class LoopLag:
    """Asks the loop to be woken ten times a second, and notes how late it was."""

    def __init__(self) -> None:
        self.histogram: Histogram = seconds(10)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self.histogram.observe(int((loop.time() - due) * 1e6))
