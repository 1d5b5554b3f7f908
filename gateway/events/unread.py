"""How much of what was written a client has not read. No I/O.

Nothing on a stream answers us, but each TCP acknowledgement says how many bytes more the next hop would take (RFC 9293,
section 3.8.6). It takes most when everything is read. What it takes less now lies in its kernel, unread.
"""

import math
from typing import Final

from gateway.websocket.sockets import OnTheWay

MOST_BYTES: Final = 40 * 1024
"""Who has more than this in front of the newest price reads late."""
LEAST_BYTES: Final = 8 * 1024
"""It gets newer prices when no more than this is left."""

FORGIVEN_S: Final = 5.0
"""A kernel that is short of memory may never take as much again: after so long without a sign, what it takes is all."""
_SIGN_BYTES: Final = 1024
"""Windows are rounded to so much, or less."""


class Unread:
    """The bytes that one client has not read, from one look to the next."""

    __slots__ = ("_forgiven_at", "_largest", "_reach", "_since", "is_much")

    def __init__(self) -> None:
        """Begin with a client that has read all."""
        self.is_much = False
        """Whether it reads late."""
        self._largest = 0
        """The most that the next hop would ever take."""
        self._reach = -math.inf
        """Up to which byte of the stream it would take."""
        self._since = 0.0
        """When that last moved, which it does while something is read."""
        self._forgiven_at = -math.inf
        """Up to which byte it was when what it took was last taken for all."""

    def look(self, way: OnTheWay, now: float) -> None:
        """Judge by what the kernel says ``now``, in seconds of any clock that does not go back."""
        reach = way.acked + way.window
        if not self.is_much or reach - self._reach > _SIGN_BYTES:
            self._reach, self._since = reach, now
        self._largest = max(self._largest, way.window)
        if self.is_much and now - self._since >= FORGIVEN_S and reach - self._forgiven_at > _SIGN_BYTES:
            # Once, until something moves: one that reads nothing is not sent more and more.
            self._largest, self._forgiven_at = way.window, reach
        self.is_much = self._bytes(way) > (LEAST_BYTES if self.is_much else MOST_BYTES)

    def _bytes(self, way: OnTheWay) -> float:
        # On a long way much is under way although all is read at once.
        usual = way.bytes_per_s * way.least_rtt_s
        return self._largest - way.window + max(0.0, way.unacked - usual)
