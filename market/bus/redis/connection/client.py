"""One process's connections to a server: dials them, and sends commands over them.

`market.bus.redis.connection.pool` checks that the server is the right one.
"""

import asyncio
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection

from market.bus.errors import BusDownError
from market.bus.redis.connection.commands import command, encoded
from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S, FAULTS, dial
from market.bus.redis.connection.faults import not_in_time
from market.bus.redis.connection.pool import RedisPool
from market.bus.redis.connection.url import parse_redis_url

_MAX_ASKING: Final = 8
"""Commands to the store at once, each on a connection of its own; further ones queue."""


class RedisClient:
    """Sends commands to a Redis or Valkey server, and opens connections for callers that need one of their own."""

    def __init__(self, url: str, *, redial_s: float) -> None:
        """Read ``url``, without connecting. Its address is looked up again every ``redial_s`` seconds.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        self._url = parse_redis_url(url)
        self._reached = False
        """Whether a connection was ever made."""
        self._pool = RedisPool(self.dial, redial_s)
        self._asking = asyncio.Semaphore(_MAX_ASKING)
        self.name = f"redis {self._url.place} db {self._url.db}"

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

    async def dial(self) -> AbstractConnection:
        """A new connection; the name in the address is looked up again.

        Raises:
            RedisConnectionError: none could be made. The message is one line with the reason, without our credentials.
        """
        connection = await dial(self._url)
        self._reached = True
        return connection

    def renew(self) -> None:
        """Use none of the present connections for another command."""
        self._pool.renew()

    def down(self, error: Exception) -> BusDownError:
        """The error to raise after one of `FAULTS`."""
        if isinstance(error, TimeoutError):
            return BusDownError(not_in_time(self._url, reached=self._reached))
        return BusDownError(str(error) or type(error).__name__)

    async def aclose(self) -> None:
        """Close idle connections; no more commands are sent."""
        await self._pool.aclose()

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + ANSWER_TIMEOUT_S


def milliseconds(seconds: float) -> int:
    """A time to live as the server takes it: a whole number above zero."""
    return max(1, round(seconds * 1_000))
