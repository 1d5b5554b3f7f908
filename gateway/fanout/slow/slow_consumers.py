"""Slow consumers: when to check whether a connection has drained and read.

A slow consumer costs nothing per tick. It gets what it missed as fast as it reads (`gateway.fanout.cohorts.window`),
only the newest of each topic: when it has answered the ping behind the last slice, and its socket has drained. While
there are any, a sweep checks each of them twenty times a second. One that gives no sign of reading for too long is cut
off.
"""

import asyncio
import logging
from collections.abc import Callable

from gateway.fanout.cohorts.member import Member
from gateway.fanout.slow.backlog import SlowConsumer
from gateway.log_events import CATCH_UP_FAILED

logger = logging.getLogger(__name__)

SWEEP_S = 0.05
"""A slow consumer that drains waits about this long at most for its newest prices."""

_STOOD_STILL_S = 1.0
"""A sweep that comes so late comes after the process was stopped, or the machine slept."""

SERVED_AT_ONCE = 4
"""Catching up with a hundred topics takes some hundred microseconds."""


class SlowConsumers:
    """All slow consumers of a gateway."""

    def __init__(self, timeout_s: float, catch_up: Callable[[Member], None]) -> None:
        """``catch_up`` is called with a connection that has drained and read. It sends a part, or calls `pop`."""
        self._timeout_s = timeout_s
        self._catch_up = catch_up
        self._consumers: dict[Member, SlowConsumer] = {}
        self.get: Callable[[Member], SlowConsumer | None] = self._consumers.get
        """What a connection has missed, or None where it is not slow."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        """When the next sweep is due, in the event loop's time."""

    def limit(self, timeout_s: float) -> None:
        """Cut off after another time from now on, also those that are slow already."""
        self._timeout_s = timeout_s

    def __len__(self) -> int:
        return len(self._consumers)

    def __contains__(self, connection: object) -> bool:
        return connection in self._consumers

    def add(self, connection: Member, consumer: SlowConsumer) -> None:
        """``connection`` is not draining; ``consumer`` says what it has missed."""
        consumer.slow_since = asyncio.get_running_loop().time()
        self._consumers[connection] = consumer
        if self._timer is None:
            self._sweep_later()

    def pop(self, connection: Member) -> SlowConsumer | None:
        """Forget ``connection``, and return what it had missed."""
        consumer = self._consumers.pop(connection, None)
        if consumer is not None:
            connection.slow_s += asyncio.get_running_loop().time() - consumer.slow_since
        return consumer

    def wake(self) -> None:
        """A change without a rate has come: check again those of which nothing was due."""
        for consumer in self._consumers.values():
            consumer.rests = False

    def sweep(self) -> None:
        """Cut off those that do not drain, and serve those that have."""
        now = asyncio.get_running_loop().time()
        if now - self._due > _STOOD_STILL_S:
            # Nothing could be received meanwhile.
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
        """Serve a few now, the others after other due calls: many that drain at once must not delay the fast."""
        for connection in drained[:SERVED_AT_ONCE]:
            # Meanwhile it may have been sent an answer that does not drain.
            if connection in self._consumers and connection.drained:
                try:
                    self._catch_up(connection)
                except Exception:
                    # Our own error with one must not end the sweeps for all.
                    logger.exception(CATCH_UP_FAILED)
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
