"""Finds dead peers, and those that read late: a silent one is pinged, one that stays silent is cut off.

The kernel takes megabytes for a client that reads slowly, and its own library some more, before a write is refused. So
every client is pinged soon after its start, and then once per heartbeat: a pong that is late means old prices in hand.

One sweep serves all connections, instead of a timer for each. It looks at a few at a time, so that ten thousand pings
never leave at once.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.websocket.connection import Connection

_SLICES: Final = 32

FIRST_S: Final = 2.0
"""The first ping comes so long after the start: in a storm of connections there is other work."""

_LATE_AT_ONCE: Final = 16
"""Of those that read late so many are reported in a sweep: each gets its newest prices."""


class Keepalive:
    """Looks at every connection twice per ``heartbeat_s``: a dead one is gone after 1 to 1.5 times that."""

    def __init__(
        self,
        heartbeat_s: float,
        lags: Callable[[Connection], bool],
        next_number: Callable[[], int],
        reads_late: Callable[[Connection], None] = lambda _connection: None,
        *,
        late_s: float = 1.0,
    ) -> None:
        """``lags`` is true for slow consumers: a client that does not read cannot have read a ping.

        ``LAG_TIMEOUT_S`` handles it. ``reads_late`` receives those that have not answered a ping after ``late_s``.

        ``next_number`` numbers all pings of a gateway: a client that answers only the last of several answers all.
        """
        self._lags = lags
        self._next_number = next_number
        self._reads_late = reads_late
        self._late_s = late_s
        self._again_s = 0.75 * heartbeat_s
        self._slice_s = heartbeat_s / 2 / _SLICES
        self._slices: list[dict[Connection, None]] = [{} for _ in range(_SLICES)]
        self._slice_of: dict[Connection, dict[Connection, None]] = {}
        self._next = 0
        self.failures = 0
        """How many connections answered no ping and were cut off."""
        self._loop = asyncio.get_running_loop()
        self._new: dict[Connection, float] = {}
        """Connections without a ping yet, each since when; the oldest first."""
        self._unanswered: dict[Connection, None] = {}
        """Those pinged, the one first that was pinged first. Some have answered since."""

    def add(self, connection: Connection) -> None:
        """Check ``connection`` from now on."""
        # The slice checked last: a new connection is not asked for life before half a heartbeat has passed.
        self._slice_of[connection] = chosen = self._slices[self._next - 1]
        chosen[connection] = None
        self._new[connection] = self._loop.time()

    def remove(self, connection: Connection) -> None:
        """``connection`` is gone."""
        del self._slice_of.pop(connection)[connection]
        # Nothing of it may stay: it may have sent much.
        self._new.pop(connection, None)
        self._unanswered.pop(connection, None)

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._slice_s)
            self.sweep_slice()

    def sweep_slice(self) -> None:
        """Check the next slice."""
        now = self._loop.time()
        self._report_late(now)
        for connection in [one for one, since in self._new.items() if now - since >= FIRST_S]:
            del self._new[connection]
            self._measure(connection, now)
        # A dictionary keeps the memory that it had when it was largest.
        self._new = self._new or {}
        self._unanswered = self._unanswered or {}
        for connection in tuple(self._slices[self._next]):
            if connection.received:
                connection.received = connection.asked = False
                self._measure(connection, now)
            elif self._lags(connection):
                connection.asked = False
            elif not connection.asked:
                connection.ping(self._next_number(), now)
                self._note(connection)
            elif not connection.has_unread:
                self.failures += 1
                connection.abort("no answer to a ping")
        self._next = (self._next + 1) % _SLICES

    def _measure(self, connection: Connection, now: float) -> None:
        # One that sends nothing by itself is asked for life as often. What the kernel refuses says enough.
        is_due = not connection.pinged and now - connection.pinged_at >= self._again_s
        if is_due and connection.drained and not self._lags(connection):
            connection.measure(self._next_number(), now)
            self._note(connection)

    def _note(self, connection: Connection) -> None:
        self._unanswered.pop(connection, None)
        self._unanswered[connection] = None

    def _report_late(self, now: float) -> None:
        reported = 0
        for connection in tuple(self._unanswered):
            if connection.pinged and (now - connection.pinged_at <= self._late_s or reported == _LATE_AT_ONCE):
                return
            if connection.pinged and connection.has_unread:
                # Its answer may wait for us.
                continue
            del self._unanswered[connection]
            if connection.pinged and not self._lags(connection):
                reported += 1
                self._reads_late(connection)
