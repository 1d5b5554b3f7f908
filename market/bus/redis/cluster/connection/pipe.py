"""A connection to a node that carries many commands at once, directly on the transport.

Answers come in the order of the commands, so a command that nobody waits for any more keeps its place.
"""

import asyncio
from collections import deque
from typing import Any, Final

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from market.bus.redis.connection.adapter import take_over
from market.bus.redis.connection.commands import command

_ASKING: Final = command(b"ASKING")


class UnansweredError(ConnectionError):
    """The connection ended after the command was sent: it may have been carried out or not."""


class NodePipe(asyncio.Protocol):
    """A connected redis-py connection, taken over to carry commands one behind the other."""

    def __init__(self, connection: AbstractConnection) -> None:
        """Take ``connection`` over; redis-py no longer writes to it.

        Raises:
            ConnectionError: it was lost already.
        """
        self._writer, self._transport = take_over(connection, self)
        self._reader = hiredis.Reader()
        self._answers: deque[asyncio.Future[Any]] = deque()
        self.lost: Exception | None = None
        """Why the connection is gone, or None while it lives."""

    @property
    def alive(self) -> bool:
        """Whether commands can be sent."""
        return self.lost is None

    async def execute(self, request: bytes, *, asking: bool = False) -> Any:
        """Send one command and return its answer. ``asking``: its slot is about to move to this node.

        Raises:
            ConnectionError: the connection was lost before that; `UnansweredError` if it was sent.
            ResponseError: the server refused.
        """
        answer = await self.start(request, asking=asking)
        if isinstance(answer, hiredis.ReplyError):
            raise ResponseError(str(answer))
        return answer

    def start(self, request: bytes, *, asking: bool = False) -> asyncio.Future[Any]:
        """Send one command; return what will have its answer, a `hiredis.ReplyError` if the server refuses.

        Raises:
            ConnectionError: the connection was lost before.
        """
        if self.lost is not None:
            raise ConnectionError(str(self.lost))
        create = asyncio.get_running_loop().create_future
        if asking:
            self._answers.append(create())
            request = _ASKING + request
        answering = create()
        self._answers.append(answering)
        self._transport.write(request)
        return answering

    def close(self, reason: str = "closed") -> None:
        """Close the connection, even with commands under way."""
        self._lose(ConnectionError(reason))

    def data_received(self, data: bytes) -> None:
        """Take the answers that ``data`` completes (called by the event loop)."""
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                if not self._answers:
                    self._lose(ConnectionError("the bus answered what was not asked"))
                    return
                answering = self._answers.popleft()
                if not answering.done():
                    answering.set_result(answer)
        except hiredis.ProtocolError as error:
            self._lose(ConnectionError(f"the bus sent what is not the Redis protocol: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self._lose(error or ConnectionError("the bus closed the connection"))

    def _lose(self, error: Exception) -> None:
        self._transport.abort()
        self.lost = self.lost or error
        while self._answers:
            answering = self._answers.popleft()
            if not answering.done():
                answering.set_exception(UnansweredError(str(self.lost)))
                # ASKING has nobody who waits for it.
                answering.exception()
