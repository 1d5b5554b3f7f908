"""A connection that carries one command at a time, in the Redis protocol, directly on the transport."""

import asyncio
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from market.bus.redis.connection.adapter import take_over


class RedisPipe(asyncio.Protocol):
    """A connected redis-py connection, taken over to carry one command at a time."""

    def __init__(self, connection: AbstractConnection) -> None:
        """Take ``connection`` over; redis-py no longer writes to it.

        Raises:
            ConnectionError: it was lost already.
        """
        self._writer, self._transport = take_over(connection, self)
        self._reader = hiredis.Reader()
        self._answer: asyncio.Future[Any] | None = None
        """The answer to the command under way; None while there is none."""
        self.served = False
        """Whether any answer was more than a refusal."""
        self.lost: Exception | None = None
        """Why the connection is gone, or None while it lives."""

    async def execute(self, request: bytes) -> Any:
        """Send one command and return its answer. After a cancellation only `close` is allowed.

        Raises:
            ConnectionError: the connection was lost before that.
            ResponseError: the server refused.
        """
        if self.lost is not None:
            raise self.lost
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        answer = await self._answer
        self._answer = None
        if isinstance(answer, hiredis.ReplyError):
            raise ResponseError(str(answer))
        self.served = True
        return answer

    def close(self) -> None:
        """Close the connection, even with a command under way."""
        self._transport.abort()
        self.lost = self.lost or ConnectionError("closed")

    def data_received(self, data: bytes) -> None:
        """Take the answer from ``data`` when it is complete (called by the event loop)."""
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                if self._answer is None or self._answer.done():
                    self._lose(ConnectionError("the bus answered what was not asked"))
                    return
                self._answer.set_result(answer)
        except hiredis.ProtocolError as error:
            self._lose(ConnectionError(f"the bus sent what is not the Redis protocol: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self._lose(error or ConnectionError("the bus closed the connection"))

    def _lose(self, error: Exception) -> None:
        self._transport.abort()
        self.lost = self.lost or error
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self.lost)
