"""A connection to a node for sharded pub/sub, read directly from the transport.

Like `market.bus.redis.connection.subscription`, but for channels that come and go: a node unsubscribes its readers from
every channel whose slot it gives away.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from market.bus.broker import Message
from market.bus.redis.cluster.connection.pipe import UnansweredError
from market.bus.redis.cluster.connection.url import Address
from market.bus.redis.connection.adapter import take_over
from market.bus.redis.connection.commands import command

SILENT_S: Final = 2.0
"""A node that has not answered a ping for so long is given up."""


class NodeLink(asyncio.Protocol):
    """A connected redis-py connection, taken over as a reader of sharded channels."""

    def __init__(
        self,
        connection: AbstractConnection,
        address: Address,
        receive: Callable[[list[Message]], None],
        unsubscribed: Callable[["NodeLink", bytes], None],
        lost: Callable[["NodeLink", str], None],
    ) -> None:
        """Take ``connection`` to ``address`` over; redis-py no longer reads from it.

        ``receive`` gets what arrived together, and an empty list where that was no message. ``unsubscribed`` gets each
        channel that the node has given away, ``lost`` the reason why the connection is gone.

        Raises:
            ConnectionError: it was lost already.
        """
        self._loop = asyncio.get_running_loop()
        self._writer, self._transport = take_over(connection, self)
        self.address = address
        self._receive = receive
        self._unsubscribed = unsubscribed
        self._lost = lost
        self._reader = hiredis.Reader()
        self._topic_of: dict[bytes, str] = {}
        self._asked: deque[tuple[asyncio.Future[None], set[bytes]]] = deque()
        """What is not confirmed yet: the channels of each request, in the order of the requests."""
        self._unanswered_since: float | None = None
        """When the first ping was sent that nothing has come after."""
        self.alive = True

    async def subscribe(self, channels: Mapping[bytes, str]) -> None:
        """Read ``channels`` (each with its topic), all of one slot, from the moment this returns.

        Raises:
            ResponseError: the node refused, perhaps because it does not have the slot.
            UnansweredError: the connection was lost before that.
        """
        if not self.alive:
            raise UnansweredError("the connection is lost")
        if not channels:
            return
        confirmed: asyncio.Future[None] = self._loop.create_future()
        self._asked.append((confirmed, set(channels)))
        # Messages may come with the confirmation, in one piece.
        self._topic_of.update(channels)
        self._transport.write(command(b"SSUBSCRIBE", *channels))
        try:
            await confirmed
        except BaseException:
            self.ignore(channels)
            raise

    def reads(self, channels: Mapping[bytes, str]) -> bool:
        """Whether messages of ``channels`` are handed on."""
        return self.alive and channels.keys() <= self._topic_of.keys()

    def ignore(self, channels: Mapping[bytes, str]) -> None:
        """Hand nothing of ``channels`` on any more."""
        for channel in channels:
            self._topic_of.pop(channel, None)

    def ping(self) -> None:
        """Ask for a sign of life; give the connection up if there was none for too long."""
        if not self.alive:
            return
        now = self._loop.time()
        if self._unanswered_since is None:
            self._unanswered_since = now
        elif now - self._unanswered_since >= SILENT_S:
            self.close(f"{self.address} did not answer for {SILENT_S:g} s")
            return
        self._transport.write(b"*1\r\n$4\r\nPING\r\n")

    def close(self, reason: str = "closed") -> None:
        """End the connection."""
        # abort, not close: bytes still to be written to a lost node are of no use.
        self._transport.abort()
        if not self.alive:
            return
        self.alive = False
        self._topic_of.clear()
        while self._asked:
            confirmed, _ = self._asked.popleft()
            if not confirmed.done():
                confirmed.set_exception(UnansweredError(reason))
        self._lost(self, reason)

    def data_received(self, data: bytes) -> None:
        """Hand on every message that ``data`` completes (called by the event loop)."""
        self._unanswered_since = None
        reader, topic_of = self._reader, self._topic_of
        reader.feed(data)
        batch: list[Message] = []
        broken = None
        try:
            while (reply := reader.gets()) is not False:
                # Compared by hand, not by pattern: this runs for every message.
                if type(reply) is list and reply[0] == b"smessage":
                    if topic := topic_of.get(reply[1]):
                        batch.append((topic, reply[2]))
                else:
                    self._reply_received(reply)
        except hiredis.ProtocolError as error:
            broken = error
        self._receive(batch)
        if broken:
            self.close(f"the bus sent what is not the Redis protocol: {broken}")

    def eof_received(self) -> None:
        """The node closed its end (called by the event loop)."""

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self.close(str(error) if error else f"{self.address} closed the connection")

    def _reply_received(self, reply: Any) -> None:
        match reply:
            case [b"ssubscribe", channel, _] if self._asked:
                confirmed, channels = self._asked[0]
                channels.discard(channel)
                if not channels:
                    self._asked.popleft()
                    if not confirmed.done():
                        confirmed.set_result(None)
            case [b"sunsubscribe", channel, _]:
                if self._topic_of.pop(channel, None) is not None:
                    self._unsubscribed(self, channel)
            case hiredis.ReplyError() if self._asked:
                confirmed, _ = self._asked.popleft()
                if not confirmed.done():
                    confirmed.set_exception(ResponseError(str(reply)))
            case hiredis.ReplyError():
                self.close(f"the bus refused: {reply}")
