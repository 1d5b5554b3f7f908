"""Connections to whatever server an address leads to now, each asked one thing at a time.

An address that stays the same (a DNS name, a virtual IP, a Kubernetes Service) leads to another server after a
failover, but connections stay with the server they were made to. That one answers `READONLY`, `MASTERDOWN`,
`LOADING`, `MOVED` and so on, or with the words of some proxy, or not at all; a read it may even answer as if
nothing had been. So a failure on one connection condemns all of them: whatever is asked next dials the address anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from market.bus.redis_wire import RedisPipe

LEASE_LOST: Final = "LEASELOST"
"""The refusal by which a server does what it was asked to: it judges a lease."""

_NO_AUTH: Final = "NOAUTH"
_RENEW_EVERY_S: Final = 0.5
"""An address that still leads to the wrong server is dialled again, but not for every question."""


class RedisPool:
    """As many connections as questions are asked at once; the idle ones wait for the next."""

    def __init__(self, dial: Callable[[], Awaitable[AbstractConnection]]) -> None:
        """``dial`` connects and authenticates."""
        self._dial = dial
        self._idle: list[RedisPipe] = []
        self._generation = 0
        """Counts renewals; a connection of an earlier generation is not used again."""
        self._renew_at = 0.0
        """By the event loop's time; a failure before that condemns nothing, as all connections are new."""

    async def ask(self, request: bytes, deadline: float) -> Any:
        """Send one command and return its answer, if that comes before ``deadline`` (the event loop's time).

        Raises:
            ResponseError: the server refused.
            RedisError, OSError: no connection could be made, or it was lost, or no answer came in time.
        """
        generation = self._generation
        pipe = self._take()
        if pipe is None:
            # A failure here says nothing of the connections there are.
            async with asyncio.timeout_at(deadline):
                pipe = RedisPipe(await self._dial())
        try:
            async with asyncio.timeout_at(deadline):
                answer = await pipe.execute(request)
        except ResponseError as refusal:
            self._judge(pipe, str(refusal))
            self._give_back(pipe, generation)
            raise
        except BaseException as error:
            # The answer is outstanding, and the next question must not take it for its own.
            pipe.close()
            if isinstance(error, Exception):
                self._doubt()
            raise
        self._give_back(pipe, generation)
        return answer

    def renew(self) -> None:
        """Use none of the connections there are for another question."""
        self._generation += 1
        self._renew_at = asyncio.get_running_loop().time() + _RENEW_EVERY_S
        self.close()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _judge(self, pipe: RedisPipe, refusal: str) -> None:
        code = refusal.partition(" ")[0]
        if code == _NO_AUTH and not pipe.served:
            # The password is missing or new. Connections made before it was set are good, and could not be made again.
            pipe.close()
        elif code != LEASE_LOST:
            self._doubt()

    def _doubt(self) -> None:
        if asyncio.get_running_loop().time() >= self._renew_at:
            self.renew()

    def _take(self) -> RedisPipe | None:
        while self._idle:
            pipe = self._idle.pop()
            if pipe.lost is None:
                return pipe
        return None

    def _give_back(self, pipe: RedisPipe, generation: int) -> None:
        if generation == self._generation and pipe.lost is None:
            self._idle.append(pipe)
        else:
            pipe.close()
