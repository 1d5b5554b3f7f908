"""Connections to the server that an address leads to now, each with one command at a time.

An address that stays the same (a DNS name, a virtual IP, a Kubernetes Service) leads to another server after a
failover, but connections stay with the old server. That server answers `READONLY`, `MASTERDOWN`, `LOADING`, `MOVED`
and so on, or with the words of some proxy, or not at all. It may even answer a read as if nothing had happened. So a
failure on one connection condemns all of them, and the next command dials the address anew. An old server that serves
on alone causes no failure. Therefore the pool also dials the address from time to time beside its present connections,
and replaces them if a primary answers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from market.bus.redis.connection.commands import command
from market.bus.redis.connection.pipe import RedisPipe
from market.process.events import BUS_NOT_DIALLED
from market.process.tasks import end

logger = logging.getLogger(__name__)

LEASE_LOST: Final = "LEASELOST"
"""A refusal that is a good answer: the server checked a lease."""

_NO_AUTH: Final = "NOAUTH"
_RENEW_EVERY_S: Final = 0.5
"""The pool dials an address that still leads to the wrong server again, but not for every command."""
_HELLO: Final = command(b"HELLO")
_PRIMARY: Final = b"master"


class RedisPool:
    """As many connections as there are commands at once; idle ones wait for the next command."""

    def __init__(self, dial: Callable[[], Awaitable[AbstractConnection]], redial_s: float) -> None:
        """``dial`` connects and authenticates; a pool in use does so at least every ``redial_s`` seconds."""
        self._dial = dial
        self._redial_s = redial_s
        self._redial_at: float | None = None
        """By the event loop's time; None before the first connection was used again."""
        self._redialling: asyncio.Task[None] | None = None
        self._idle: list[RedisPipe] = []
        self._busy: set[RedisPipe] = set()
        """Those with a command under way."""
        self._generation = 0
        """The count of renewals; connections of an earlier generation are not used again."""
        self._renew_at = 0.0
        """In the event loop's time. A failure before that condemns nothing, because all connections are new."""

    async def ask(self, request: bytes, deadline: float) -> Any:
        """Send one command and return its answer, if that comes before ``deadline`` (the event loop's time).

        Raises:
            ResponseError: the server refused.
            RedisError, OSError: no connection could be made, or it was lost, or no answer came in time.
        """
        generation = self._generation
        pipe = self._take()
        if pipe is None:
            # A failure here says nothing about the present connections.
            async with asyncio.timeout_at(deadline):
                pipe = RedisPipe(await self._dial())
        else:
            self._redial_when_due(deadline)
        self._busy.add(pipe)
        try:
            async with asyncio.timeout_at(deadline):
                answer = await pipe.execute(request)
        except ResponseError as refusal:
            self._judge(pipe, str(refusal))
            self._give_back(pipe, generation)
            raise
        except BaseException as error:
            # The answer is still to come, and the next command must not take it for its own.
            pipe.close()
            if isinstance(error, Exception):
                self._doubt()
            raise
        finally:
            self._busy.discard(pipe)
        self._give_back(pipe, generation)
        return answer

    def abandon(self) -> None:
        """Close the present connections, those with a command under way too."""
        self.renew()
        for pipe in tuple(self._busy):
            pipe.close()

    def renew(self) -> None:
        """Use none of the present connections for another command."""
        now = asyncio.get_running_loop().time()
        self._generation += 1
        self._renew_at, self._redial_at = now + _RENEW_EVERY_S, now + self._redial_s
        self._close_idle()

    async def aclose(self) -> None:
        """Close idle connections; no more commands are sent."""
        if self._redialling is not None:
            await end(self._redialling)
        self._close_idle()

    def _redial_when_due(self, deadline: float) -> None:
        now = asyncio.get_running_loop().time()
        if self._redial_at is None:
            self._redial_at = now + self._redial_s
        elif now >= self._redial_at and self._redialling is None:
            self._redial_at = now + self._redial_s
            # Nobody waits for it: a name that cannot be resolved now must not delay connections that work.
            self._redialling = asyncio.create_task(self._redial(deadline))

    async def _redial(self, deadline: float) -> None:
        """Replace the present connections if the address leads to a primary now; else keep them."""
        pipe: RedisPipe | None = None
        try:
            async with asyncio.timeout_at(deadline):
                pipe = RedisPipe(await self._dial())
                hello = await pipe.execute(_HELLO)
            if role_in(hello) == _PRIMARY:
                self.renew()
                self._idle.append(pipe)
                pipe = None
        except (RedisError, OSError, ValueError) as error:
            logger.debug(BUS_NOT_DIALLED, error)
        finally:
            self._redialling = None
            if pipe is not None:
                pipe.close()

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

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

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


def role_in(hello: Any) -> bytes | None:
    """The role in an answer to HELLO, in version 2 of the protocol; None if it has none."""
    if not isinstance(hello, list):
        return None
    return next((hello[at + 1] for at in range(0, len(hello) - 1, 2) if hello[at] == b"role"), None)
