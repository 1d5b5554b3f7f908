"""Connections whose sockets are not draining, and their way back.

A laggard is written nothing and costs nothing per tick. A sweep looks at each, twenty times a second
while there are any: one that has drained gets only the newest of what it missed; one that does not
drain for too long is cut off.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from gateway.cohort import Backlog, Member

SWEEP_S = 0.05
"""A laggard that drains waits this long at most for its newest prices."""


class Laggard(Struct):
    """What one has missed, and since when, in the event loop's time."""

    backlog: Backlog
    since: float


class Laggards:
    """All laggards of a gateway."""

    def __init__(self, timeout_s: float, catch_up: Callable[[Member], None]) -> None:
        """``catch_up`` is called with one that has drained; it takes it out with `pop`."""
        self._timeout_s = timeout_s
        self._catch_up = catch_up
        self._laggards: dict[Member, Laggard] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._laggards)

    def add(self, connection: Member, backlog: Backlog) -> None:
        """``connection`` is not draining."""
        loop = asyncio.get_running_loop()
        self._laggards[connection] = Laggard(backlog, loop.time())
        if self._timer is None:
            self._timer = loop.call_later(SWEEP_S, self.sweep)

    def get(self, connection: Member) -> Laggard | None:
        """What ``connection`` has missed, or None where it is not lagging."""
        return self._laggards.get(connection)

    def pop(self, connection: Member) -> Laggard | None:
        """Forget ``connection``, and return what it had missed."""
        return self._laggards.pop(connection, None)

    def sweep(self) -> None:
        """Serve those that have drained, cut off those that will not."""
        loop = asyncio.get_running_loop()
        late = loop.time() - self._timeout_s
        for connection, laggard in list(self._laggards.items()):
            if connection.drained:
                self._catch_up(connection)
            elif laggard.since <= late:
                # No close frame: it would wait behind the very bytes that are not read.
                connection.abort("lagged too long")
        self._timer = loop.call_later(SWEEP_S, self.sweep) if self._laggards else None
