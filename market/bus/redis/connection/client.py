"""One process's connections to a server: dials them, and sends commands over them.

`market.bus.redis.connection.pool` checks that the server is the right one.
"""

import asyncio
from typing import Any, Final, Protocol

from redis.asyncio.connection import AbstractConnection

from market.bus.errors import BusDownError
from market.bus.redis.connection.commands import command, encoded
from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S, FAULTS
from market.bus.redis.connection.pool import RedisPool
from market.bus.redis.connection.primary import primary_of

_MAX_ASKING: Final = 8
"""Commands to the store at once, each on a connection of its own; further ones queue."""


LINK_PATIENCE_S: Final = 6.0
"""A new subscription waits so long for a primary that is about to be replaced: it need not be tried again meanwhile."""
_PATIENCE_S: Final = 1.5
"""A command does, too, within the time that it has."""


class Link(Protocol):
    """A connection that is not one of the pool's."""

    lost: asyncio.Future[str]

    def lose(self, reason: str) -> None:
        """End it."""


class RedisClient:
    """Sends commands to a Redis or Valkey server, and opens connections for callers that need one of their own."""

    def __init__(self, url: str, *, redial_s: float) -> None:
        """Read ``url``, without connecting. Its address is looked up again every ``redial_s`` seconds.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        self._primary = primary_of(url, self._moved)
        self._pool = RedisPool(self.dial, redial_s)
        self._asking = asyncio.Semaphore(_MAX_ASKING)
        self._links: set[Link] = set()
        self.name = self._primary.name

    async def ask(self, *words: str | bytes | int) -> Any:
        """The answer to one command; the wait for its turn counts towards the timeout.

        Raises:
            BusDownError: no answer, or a refusal.
        """
        request = command(*map(encoded, words))
        deadline = self._deadline()
        try:
            async with asyncio.timeout_at(deadline):
                await self._asking.acquire()
            try:
                return await self._pool.ask(request, deadline)
            finally:
                self._asking.release()
        except FAULTS as error:
            raise self.down(error) from error

    async def ask_at_once(self, request: bytes) -> Any:
        """The answer to an encoded command, which does not queue behind others.

        Raises:
            RedisError, OSError, ValueError: no answer, or a refusal.
        """
        return await self._pool.ask(request, self._deadline())

    async def dial(self, patience_s: float = _PATIENCE_S) -> AbstractConnection:
        """See `Primary.dial`."""
        return await self._primary.dial(patience_s)

    def keep(self, link: Link) -> None:
        """End ``link``, whose connection comes of `dial`, when the primary is another server."""
        self._links.add(link)
        link.lost.add_done_callback(lambda _: self._links.discard(link))

    def renew(self) -> None:
        """Use none of the present connections for another command."""
        self._pool.renew()

    def down(self, error: Exception) -> BusDownError:
        """The error to raise after one of `FAULTS`."""
        if isinstance(error, TimeoutError):
            return BusDownError(self._primary.not_in_time())
        return BusDownError(str(error) or type(error).__name__)

    async def aclose(self) -> None:
        """Close idle connections; no more commands are sent."""
        await self._pool.aclose()
        await self._primary.aclose()

    def _moved(self, reason: str) -> None:
        self._pool.abandon()
        for link in tuple(self._links):
            link.lose(reason)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + ANSWER_TIMEOUT_S


def milliseconds(seconds: float) -> int:
    """A time to live as the server takes it: a whole number above zero."""
    return max(1, round(seconds * 1_000))
