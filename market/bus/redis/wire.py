"""Connections of redis-py taken over: one that listens, one that asks.

Both speak the Redis protocol straight on the transport, parsed by hiredis. What redis-py does for each
message on top of that costs several times what the message is worth.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from market.bus import Receiver

TICK_CHANNEL = b"tick."
"""Before the symbol."""
BEAT_CHANNEL = b"feed.status"


class RedisLink(asyncio.Protocol):
    """A connected redis-py connection turned into a pub/sub reader."""

    def __init__(self, connection: AbstractConnection, symbols: Iterable[str], receiver: Receiver) -> None:
        """Take ``connection`` over: redis-py reads nothing from it any more."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._writer, self._transport = _take_over(connection, self)
        self._receiver = receiver
        self._reader = hiredis.Reader()
        self._symbol_of = {TICK_CHANNEL + symbol.encode(): symbol for symbol in symbols}
        self._unconfirmed = len(self._symbol_of) + 1
        self._subscribed: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.heard_at = loop.time()

    async def subscribe(self) -> None:
        """Ask for every channel and wait until the server confirmed each.

        Raises:
            ConnectionError: the connection was lost before that.
        """
        self._transport.write(command(b"SUBSCRIBE", BEAT_CHANNEL, *self._symbol_of))
        await asyncio.wait((self._subscribed, self.lost), return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise ConnectionError(self.lost.result())

    def ping(self) -> None:
        """See `market.bus.Link.ping`."""
        if not self._transport.is_closing():
            self._transport.write(b"*1\r\n$4\r\nPING\r\n")

    def close(self) -> None:
        """See `market.bus.Link.close`."""
        self._lose("closed")

    def data_received(self, data: bytes) -> None:
        """Hand on every message that ``data`` completes (called by the event loop)."""
        self.heard_at = self._loop.time()
        reader = self._reader
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not False:
                if self.lost.done():
                    return
                # Compared by hand, not by pattern: this runs for every tick there is.
                if type(reply) is list and reply[0] == b"message" and (symbol := self._symbol_of.get(reply[1])):
                    self._receiver.tick_received(symbol, reply[2])
                else:
                    self._reply(reply)
        except hiredis.ProtocolError as error:
            self._lose(f"the bus sent what is not the Redis protocol: {error}")

    def eof_received(self) -> None:
        """The server closed its end (called by the event loop)."""

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self._lose(str(error) if error else "the bus closed the connection")

    def _reply(self, reply: Any) -> None:
        match reply:
            case [b"message", channel, payload] if channel == BEAT_CHANNEL:
                self._receiver.beat_received(payload)
            case [b"subscribe", _, _]:
                self._unconfirmed -= 1
                if self._unconfirmed == 0:
                    self._subscribed.set_result(None)
            case hiredis.ReplyError():
                self._lose(f"the bus refused: {reply}")

    def _lose(self, reason: str) -> None:
        # abort, not close: what is still to be written to a lost server is of no use to anybody.
        self._transport.abort()
        if not self.lost.done():
            self.lost.set_result(reason)


class RedisPipe(asyncio.Protocol):
    """A connected redis-py connection turned into one that is asked one thing at a time."""

    def __init__(self, connection: AbstractConnection) -> None:
        """Take ``connection`` over: redis-py writes nothing to it any more.

        Raises:
            ConnectionError: it was lost already.
        """
        self._writer, self._transport = _take_over(connection, self)
        self._reader = hiredis.Reader()
        self._answer: asyncio.Future[Any] | None = None
        """Of what was asked; None while nothing is outstanding."""
        self.served = False
        """Whether anything was ever answered with more than a refusal."""
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
        """Let the connection go, whatever is outstanding."""
        self._transport.abort()
        self.lost = self.lost or ConnectionError("closed")

    def data_received(self, data: bytes) -> None:
        """Take the answer in ``data``, once it is whole (called by the event loop)."""
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


def _take_over(
    connection: AbstractConnection, protocol: asyncio.Protocol
) -> tuple[asyncio.StreamWriter, asyncio.Transport]:
    """Let ``protocol`` have what comes on a connected ``connection``; hold the writer as long as that lasts.

    Raises:
        ConnectionError: it was lost already.
    """
    writer = connection._writer
    if writer is None:
        raise ConnectionError("the connection closed as soon as it was made")
    # redis-py's finalizer would close, or complain of, what is not its own any more; the writer's own
    # finalizer would too, which is why it is to be held.
    connection._writer = connection._reader = None
    transport = cast("asyncio.Transport", writer.transport)
    transport.set_protocol(protocol)
    return writer, transport


def command(*words: bytes) -> bytes:
    """A command in the Redis protocol."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
