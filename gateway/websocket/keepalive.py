"""Finds dead peers: a silent one is pinged, one that stays silent is cut off.

One sweep serves all connections, instead of a timer for each. It looks at a few at a time, so that ten thousand pings
never leave at once.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.websocket.connection import Connection

_SLICES: Final = 32


class Keepalive:
    """Looks at every connection twice per ``heartbeat_s``: a dead one is gone after 1 to 1.5 times that."""

    def __init__(self, heartbeat_s: float, lags: Callable[[Connection], bool], next_number: Callable[[], int]) -> None:
        """``lags`` is true for slow consumers: a client that does not read cannot have read a ping.

        ``LAG_TIMEOUT_S`` handles it.

        ``next_number`` numbers all pings of a gateway: a client that answers only the last of several answers all.
        """
        self._lags = lags
        self._next_number = next_number
        self._slice_s = heartbeat_s / 2 / _SLICES
        self._slices: list[dict[Connection, None]] = [{} for _ in range(_SLICES)]
        self._slice_of: dict[Connection, dict[Connection, None]] = {}
        self._next = 0

    def add(self, connection: Connection) -> None:
        """Check ``connection`` from now on."""
        # The slice checked last: a new connection is not pinged before half a heartbeat has passed.
        self._slice_of[connection] = chosen = self._slices[self._next - 1]
        chosen[connection] = None

    def remove(self, connection: Connection) -> None:
        """``connection`` is gone."""
        del self._slice_of.pop(connection)[connection]

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._slice_s)
            self.sweep_slice()

    def sweep_slice(self) -> None:
        """Check the next slice."""
        for connection in tuple(self._slices[self._next]):
            if connection.received:
                connection.received = connection.asked = False
            elif self._lags(connection):
                connection.asked = False
            elif not connection.asked:
                connection.ping(self._next_number())
            elif not connection.has_unread:
                connection.abort("no answer to a ping")
        self._next = (self._next + 1) % _SLICES
