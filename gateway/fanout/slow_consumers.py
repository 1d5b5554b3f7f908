"""Connections that do not drain, or do not read what was sent: when to look whether they have.

A slow consumer costs nothing per tick. What it missed it gets as far as it reads (`window`), only the newest of each
topic: when it has answered the ping behind what it was sent last, and its socket has drained. A sweep looks at each,
twenty times a second while there are any; one from which nothing comes for too long is cut off.
"""

import asyncio
import logging
from collections.abc import Callable

from gateway.fanout.backlog import SlowConsumer
from gateway.fanout.member import Member

logger = logging.getLogger(__name__)

SWEEP_S = 0.05
"""A slow consumer that drains waits about this long at most for its newest prices."""

_STOOD_STILL_S = 1.0
"""A sweep that comes so late comes from a process that was stopped, or a machine that slept."""

SERVED_AT_ONCE = 4
"""Catching up with a hundred topics takes some hundred microseconds."""


class SlowConsumers:
    """All slow consumers of a gateway."""

    def __init__(self, timeout_s: float, catch_up: Callable[[Member], None]) -> None:
        """``catch_up`` is called with one that has drained and read; it sends a part, or takes it out with `pop`."""
        self._timeout_s = timeout_s
        self._catch_up = catch_up
        self._consumers: dict[Member, SlowConsumer] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        """When the next sweep is to be, in the event loop's time."""

    def limit(self, timeout_s: float) -> None:
        """Cut off after another time from now on, also those that are lagging already."""
        self._timeout_s = timeout_s

    def __len__(self) -> int:
        return len(self._consumers)

    def __contains__(self, connection: object) -> bool:
        return connection in self._consumers

    def add(self, connection: Member, consumer: SlowConsumer) -> None:
        """``connection`` is not draining; ``consumer`` says what it has missed."""
        self._consumers[connection] = consumer
        if self._timer is None:
            self._sweep_later()

    def get(self, connection: Member) -> SlowConsumer | None:
        """What ``connection`` has missed, or None where it is not lagging."""
        return self._consumers.get(connection)

    def pop(self, connection: Member) -> SlowConsumer | None:
        """Forget ``connection``, and return what it had missed."""
        return self._consumers.pop(connection, None)

    def wake(self) -> None:
        """Something has changed that comes at no rate: look again at those of whom nothing was due."""
        for consumer in self._consumers.values():
            consumer.rests = False

    def sweep(self) -> None:
        """Cut off those that will not drain, and serve those that have."""
        now = asyncio.get_running_loop().time()
        if now - self._due > _STOOD_STILL_S:
            # Nobody could be heard meanwhile.
            for consumer in self._consumers.values():
                consumer.since += now - self._due
        late = now - self._timeout_s
        drained = []
        for connection, consumer in self._consumers.items():
            if connection.drained and not consumer.waits(connection, now):
                drained.append(connection)
            elif consumer.since <= late and not (connection.drained and consumer.window.sent is None):
                # No close frame: it would wait behind the very bytes that are not read.
                connection.abort("lagged too long")
        self._serve(drained)

    def _serve(self, drained: list[Member]) -> None:
        """A few now, the others after whatever else is due: many that drain at once must not delay the fast."""
        for connection in drained[:SERVED_AT_ONCE]:
            # In between it may have been written an answer that does not drain.
            if connection in self._consumers and connection.drained:
                try:
                    self._catch_up(connection)
                except Exception:
                    # A fault of ours with one must not end the sweeps for all.
                    logger.exception("a slow consumer could not be caught up")
                    connection.abort("a fault of ours")
        if drained[SERVED_AT_ONCE:]:
            self._timer = asyncio.get_running_loop().call_later(0, self._serve, drained[SERVED_AT_ONCE:])
        elif self._consumers:
            self._sweep_later()
        else:
            self._timer = None

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + SWEEP_S
        self._timer = loop.call_at(self._due, self.sweep)
