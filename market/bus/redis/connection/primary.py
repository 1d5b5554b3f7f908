"""Where the primary is: at an address that stays the same, or where Sentinels say."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from redis.asyncio.connection import AbstractConnection

from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S, dial
from market.bus.redis.connection.faults import not_in_time
from market.bus.redis.connection.url import parse_redis_url


class Primary(Protocol):
    """The server that takes writes, whichever it is."""

    name: str
    """The bus's name for logs, without secrets."""

    async def dial(self, patience_s: float) -> AbstractConnection:
        """A new connection to it; every name in an address is looked up again.

        If another server is to take its place, that is waited for, for up to ``patience_s``.

        Raises:
            RedisConnectionError: none could be made. The message is one line with the reason, without our credentials.
            TimeoutError: it took longer than any answer.
        """

    def not_in_time(self) -> str:
        """Explain that no answer came."""

    async def aclose(self) -> None:
        """Look for it no longer; connections stay as they are."""


class FixedPrimary:
    """A server at one address. Whether that leads to another server now, `RedisPool` finds out."""

    def __init__(self, url: str) -> None:
        """Read ``url``, without connecting.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        self._url = parse_redis_url(url)
        self._reached = False
        """Whether a connection was ever made."""
        self.name = f"redis {self._url.place} db {self._url.db}"

    async def dial(self, patience_s: float) -> AbstractConnection:  # noqa: ARG002 - nobody says when it is replaced
        """See `Primary.dial`."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            connection = await dial(self._url, reached=self._reached)
        self._reached = True
        return connection

    def not_in_time(self) -> str:
        """See `Primary.not_in_time`."""
        return not_in_time(self._url, reached=self._reached)

    async def aclose(self) -> None:
        """See `Primary.aclose`."""


def primary_of(url: str, moved: Callable[[str], None]) -> Primary:
    """The primary that ``url`` leads to; ``moved`` is called with the reason when it is known to be another server.

    Raises:
        BusUrlError: the URL, or a part of it, cannot be read.
    """
    if url.partition("://")[0].endswith("+sentinel"):
        # A process loads only its own.
        from market.bus.redis.connection.sentinel.primary import SentinelPrimary

        return SentinelPrimary(url, moved)
    return FixedPrimary(url)
