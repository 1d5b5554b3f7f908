"""A rate limit for our own requests."""

import asyncio
from collections import deque


class RollingLimit:
    """At most ``count`` events in *any* window of ``window_s`` seconds, each at least ``gap_s`` after the one before.

    It has no clock: times are passed in, in seconds, and never go back.
    """

    def __init__(self, count: int, window_s: float, gap_s: float = 0.0) -> None:
        self._window_s = window_s
        self._gap_s = gap_s
        self._spent: deque[float] = deque(maxlen=count)

    def delay_s(self, now: float) -> float:
        """Seconds until the next event is allowed; 0 if it is allowed now."""
        if not self._spent:
            return 0.0
        earliest = self._spent[-1] + self._gap_s
        if len(self._spent) == self._spent.maxlen:
            earliest = max(earliest, self._spent[0] + self._window_s)
        return max(0.0, earliest - now)

    def spend(self, now: float) -> None:
        """An event happens now."""
        self._spent.append(now)

    async def turn(self) -> None:
        """Wait until an event is allowed, and count it."""
        clock = asyncio.get_running_loop().time
        while delay_s := self.delay_s(clock()):  # noqa: ASYNC110 - time alone decides
            await asyncio.sleep(delay_s)
        self.spend(clock())
