"""The last line of each client in the log: who it was, how it ended, and what it took.

Nothing is counted for it while a client is connected but its messages: the kernel has counted the bytes. A client that
leaves by itself is logged at DEBUG, one that was closed or cut off at INFO. So many of those have a line in a minute;
the others are logged at DEBUG too, and one line says how many they were.
"""

import asyncio
import functools
import logging
from typing import Final, Protocol

from gateway.admission.limits.once_a_minute import OnceAMinute
from gateway.log_events import CLIENT_CLOSED, CLIENTS_CLOSED
from market.process.logs import ACCESS_LOG

MOST_LINES: Final = 100
"""Lines in a minute at INFO, for each close code."""

_EXACT_S: Final = 0.1
"""As exact as durations in the log are."""

_only = functools.lru_cache(4096)(str)
"""The same string for all who come from an address. `sys.intern` keeps each for ever in some versions of Python."""

logger = logging.getLogger(ACCESS_LOG)


class Visit:
    """What is known of a client from its begin. A client is one: an object of its own would take more memory."""

    __slots__ = ("address", "began_at", "messages")

    def __init__(self, address: str, began_at: float) -> None:
        """``began_at`` is that of `AccessLog.now`."""
        self.address = _only(address)
        self.began_at = began_at
        self.messages = 0
        """Messages that it has sent."""


class Ended(Protocol):
    """A connection that has ended."""

    client: str
    end: str
    slow_s: float
    """For how long it was a slow consumer."""

    @property
    def code(self) -> int:
        """The close code that we wrote; 0 without one."""

    @property
    def left(self) -> bool:
        """Whether the peer, and not we, ended it."""

    @property
    def traffic(self) -> tuple[int, int]:
        """The bytes that its peer has acknowledged, and those that it has sent."""


class AccessLog:
    """One gateway's last lines of clients."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: dict[int, OnceAMinute] = {}
        self._now = self._loop.time()

    def now(self) -> float:
        """The event loop's time, a tenth of a second ago at most: one number for all who come at once."""
        now = self._loop.time()
        if now - self._now >= _EXACT_S:
            self._now = now
        return self._now

    def closed(self, connection: Ended, subject: str, visit: Visit) -> None:
        """Log the end of ``connection``, whose socket is still there; ``subject`` is that of its token."""
        bounded = not connection.left and logger.isEnabledFor(logging.INFO)
        level = logging.INFO if bounded and self._may_log(connection) else logging.DEBUG
        if not logger.isEnabledFor(level):
            return
        sent, received = connection.traffic
        logger.log(
            level,
            CLIENT_CLOSED,
            connection.client,
            connection.end,
            visit.address,
            subject,
            connection.code,
            self._loop.time() - visit.began_at,
            sent,
            received,
            visit.messages,
            connection.slow_s,
        )

    def close(self) -> None:
        """Log what was only counted so far."""
        for lines in self._lines.values():
            lines.close()

    def _may_log(self, connection: Ended) -> bool:
        lines = self._lines.get(connection.code)
        if lines is None:
            lines = self._lines[connection.code] = OnceAMinute(MOST_LINES, functools.partial(_others, connection.code))
        return lines.may_log(connection.client)


def _others(code: int, count: int) -> None:
    logger.info(CLIENTS_CLOSED, count, code)
