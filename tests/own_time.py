"""An event loop for tests with real sockets, on a machine that does other things too."""

import asyncio
import selectors
import time
from typing import Any


class OwnTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock does not count what the machine did for others meanwhile.

    ``loop.time()``, and with it sleeps, timeouts and ``call_later``, count the time that this thread computes, and that
    it waits with nothing to do, but for no longer than it meant to. So what has a tenth of a second has all of it,
    also if the kernel runs other programs first. Only for tests whose parts all run on this loop: other processes and
    servers go by the machine's clock. What blocks the thread without computing does not count either.
    """

    def __init__(self) -> None:
        """The clock begins as the machine's does."""
        self._waited = time.monotonic() - time.thread_time()
        super().__init__(_MeasuringSelector(self))

    def time(self) -> float:
        """Seconds, as for `asyncio.AbstractEventLoop.time`."""
        return self._waited + time.thread_time()

    def count(self, waited_s: float) -> None:
        """So long there was nothing to do."""
        self._waited += waited_s


class _MeasuringSelector(selectors.EpollSelector):
    def __init__(self, loop: OwnTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        # What is there already was not waited for.
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        began, computed = time.monotonic(), time.thread_time()
        ready = super().select(timeout)
        waited_s = time.monotonic() - began - (time.thread_time() - computed)
        self._loop.count(waited_s if timeout is None else min(waited_s, timeout))
        return ready
