"""A connection to one Sentinel. It answers questions about a primary, and says at once when it changes.

In version 3 of the protocol both go over one connection.
"""

import asyncio
import re
from collections import deque
from typing import Any, Final

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from market.bus.redis.connection.adapter import take_over
from market.bus.redis.connection.commands import command, encoded
from market.bus.redis.connection.sentinel.verdict import Address, Answer

_SWITCH: Final = b"+switch-master"
"""The channel on which a Sentinel names each new primary."""


class UnknownMasterError(ResponseError):
    """The Sentinel knows no primary of that name."""


class SentinelLink(asyncio.Protocol):
    """A connected redis-py connection to a Sentinel, taken over."""

    def __init__(self, connection: AbstractConnection, master: str) -> None:
        """Take ``connection`` over, to ask for the primary that the Sentinel calls ``master``.

        Raises:
            ConnectionError: it was lost already.
        """
        self._master = master
        self._reader = hiredis.Reader()
        self._asked: deque[asyncio.Future[Any]] = deque()
        """The commands under way, in order."""
        self._lost: Exception | None = None
        self.news = asyncio.Event()
        """Set when the Sentinel has named a new primary, or the connection is lost."""
        self._writer, self._transport = take_over(connection, self)

    async def open(self) -> bool:
        """Prepare the connection; return whether the Sentinel will say when the primary changes.

        Raises:
            ConnectionError, ResponseError: it cannot be used.
        """
        await self.ask("HELLO", 3)
        try:
            await self.ask("SUBSCRIBE", _SWITCH)
        except ResponseError:
            # Our user may not subscribe. We ask often enough without that.
            return False
        return True

    async def primary(self) -> Answer:
        """Where the primary is now.

        Raises:
            UnknownMasterError: the Sentinel does not know it.
            ConnectionError, ResponseError: there is no answer, or a refusal.
        """
        # The epoch first: if the configuration changes in between, an old epoch with the new address does no harm.
        asked = [self._send("SENTINEL", *words, self._master) for words in (["MASTER"], ["GET-MASTER-ADDR-BY-NAME"])]
        state, address = await asyncio.gather(*asked, return_exceptions=True)
        match address:
            case [bytes(host), bytes(port)] if re.fullmatch(b"[0-9]{1,5}", port) and 0 < int(port) < 65_536:
                return Answer(Address(host.decode(errors="replace"), int(port)), _epoch(state))
            case BaseException():
                raise address
            case None:
                raise UnknownMasterError
        raise ConnectionError("it answers in words that no Sentinel has")

    async def ask(self, *words: str | bytes | int) -> Any:
        """Send one command and return its answer.

        Raises:
            ConnectionError: the connection is lost.
            ResponseError: the Sentinel refuses.
        """
        return await self._send(*words)

    def close(self) -> None:
        """Close the connection."""
        self._lose(ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        """Take the answers and the news in ``data`` (called by the event loop)."""
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                match reply:
                    case [b"message", bytes(), bytes(text)] if isinstance(reply, hiredis.PushNotification):
                        if text.partition(b" ")[0] == self._master.encode():
                            self.news.set()
                    # The confirmation of SUBSCRIBE is a push that comes in its turn, as an answer does.
                    case _ if self._asked:
                        self._answer(self._asked.popleft(), reply)
                    case _:
                        self._lose(ConnectionError("it answered what was not asked"))
                        return
        # The latter for a map whose keys can be none.
        except (hiredis.ProtocolError, TypeError) as error:
            self._lose(ConnectionError(f"it sent what is not the Redis protocol: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self._lose(error or ConnectionError("it closed the connection"))

    def _send(self, *words: str | bytes | int) -> asyncio.Future[Any]:
        if self._lost is not None:
            raise self._lost
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._transport.write(command(*map(encoded, words)))
        return answer

    def _answer(self, asked: asyncio.Future[Any], reply: Any) -> None:
        if asked.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            asked.set_exception(ResponseError(str(reply)))
        else:
            asked.set_result(reply)

    def _lose(self, error: Exception) -> None:
        self._transport.abort()
        self._lost = self._lost or error
        while self._asked:
            asked = self._asked.popleft()
            if not asked.done():
                asked.set_exception(self._lost)
        self.news.set()


def _epoch(state: Any) -> int:
    """The epoch in the answer to ``SENTINEL MASTER``; 0 if our user may not ask."""
    epoch = state.get(b"config-epoch", b"") if isinstance(state, dict) else b""
    return int(epoch) if isinstance(epoch, bytes) and re.fullmatch(b"[0-9]{1,20}", epoch) else 0
