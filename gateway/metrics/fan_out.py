"""How old prices are when they come in and when they leave, and what the flushes between cost.

One observation for each message from the bus and one for each flush, however many ticks and clients they have.
"""

import time
from collections.abc import Callable

from market.metrics.histogram import seconds, sizes


class FanOut:
    """Of one gateway. Times are whole microseconds."""

    __slots__ = ("_bytes", "_came", "_left", "_now_us", "ages", "bytes_sent", "flush_bytes", "flush_s", "recv_us")

    def __init__(self, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        """``now_us`` is the time in microseconds since the Unix epoch: ages compare it with the pollers' clocks."""
        self._now_us = now_us
        self.recv_us = 0
        """When the newest tick of the message that is just taken was received from the exchange. 0 at any other time:
        what is published then, such as last values that were read, is of any age."""
        self.bytes_sent = 0
        """Bytes of prices and states written to clients."""
        self._bytes = 0
        self.ages = {"gateway": seconds(9), "socket": seconds(9)}
        self._came, self._left = self.ages["gateway"].observe, self.ages["socket"].observe
        self.flush_s = seconds(4, 24)
        self.flush_bytes = sizes(6, 28)

    def took(self, recv_us: int) -> None:
        """A message came whose newest tick was received from the exchange at ``recv_us``."""
        self.recv_us = recv_us
        self._came(self._now_us() - recv_us)

    def flushed(self, recv_us: int, spent_s: float) -> None:
        """A flush is over that took ``spent_s``; the first of its ticks was received at ``recv_us``, 0 if unknown."""
        self.flush_s.observe(int(spent_s * 1e6))
        self.flush_bytes.observe(self.bytes_sent - self._bytes)
        self._bytes = self.bytes_sent
        if recv_us:
            self._left(self._now_us() - recv_us)
