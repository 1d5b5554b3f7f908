"""A Redis pub/sub subscription, read directly from the transport.

hiredis parses. The further work of redis-py for each message would cost several times as much as the message.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection

from market.bus.broker import Message, Receiver, nothing
from market.bus.redis.connection.adapter import take_over
from market.bus.redis.connection.commands import command


class RedisSubscription(asyncio.Protocol):
    """A connected redis-py connection, taken over as a pub/sub reader."""

    interrupted = False
    """There is one server: the subscription is alive or lost as a whole."""

    def __init__(self, connection: AbstractConnection, topics: Iterable[str], receive: Receiver) -> None:
        """Take ``connection`` over; redis-py no longer reads from it.

        Raises:
            ConnectionError: it was lost already.
        """
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._writer, self._transport = take_over(connection, self)
        self._receive = receive
        self._reader = hiredis.Reader()
        self._topic_of = {topic.encode(): topic for topic in topics}
        self._unconfirmed = len(self._topic_of)
        self._subscribed: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.missed, self.on_interrupt = asyncio.Event(), nothing
        self.received_at = loop.time()

    async def subscribe(self) -> None:
        """Ask for every topic, and wait until the server has confirmed each.

        Raises:
            ConnectionError: the connection was lost before that.
        """
        if self._unconfirmed:
            self._transport.write(command(b"SUBSCRIBE", *self._topic_of))
            await asyncio.wait((self._subscribed, self.lost), return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise ConnectionError(self.lost.result())

    def ping(self) -> None:
        """See `market.bus.BusSubscription.ping`."""
        if not self._transport.is_closing():
            self._transport.write(b"*1\r\n$4\r\nPING\r\n")

    def close(self) -> None:
        """See `market.bus.BusSubscription.close`."""
        self.lose("closed")

    def data_received(self, data: bytes) -> None:
        """Hand on every message that ``data`` completes (called by the event loop)."""
        self.received_at = self._loop.time()
        reader, topic_of = self._reader, self._topic_of
        reader.feed(data)
        batch: list[Message] = []
        broken = None
        try:
            while (reply := reader.gets()) is not False:
                # Compared by hand, not by pattern: this runs for every message.
                if type(reply) is list and reply[0] == b"message" and (topic := topic_of.get(reply[1])):
                    batch.append((topic, reply[2]))
                else:
                    self._reply_received(reply)
        except hiredis.ProtocolError as error:
            broken = error
        if batch:
            self._receive(batch)
        if broken:
            self.lose(f"the bus sent what is not the Redis protocol: {broken}")

    def eof_received(self) -> None:
        """The server closed its end (called by the event loop)."""

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self.lose(str(error) if error else "the bus closed the connection")

    def _reply_received(self, reply: Any) -> None:
        match reply:
            case [b"subscribe", _, _]:
                self._unconfirmed -= 1
                if self._unconfirmed == 0:
                    self._subscribed.set_result(None)
            case hiredis.ReplyError():
                self.lose(f"the bus refused: {reply}")

    def lose(self, reason: str) -> None:
        """End the subscription for this reason, unless it has ended already."""
        # abort, not close: bytes still to be written to a lost server are of no use.
        self._transport.abort()
        self._receive = _nobody_receives
        if not self.lost.done():
            self.lost.set_result(reason)


def _nobody_receives(batch: Sequence[Message]) -> None:
    """Stands in for the receiver of a subscription that has ended."""
