"""The undocumented parts of aiohttp that the gateway uses. No other module uses any.

`Internals` is aiohttp's handler of one connection, with public names for its private parts. `take_over` takes a
connection away from such a handler. Another release may do all this differently. So ``setup.cfg`` allows patch releases
only, and ``tests/gateway/http/test_aiohttp_internals.py`` says what a release has changed.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

USED: Final = {
    "_buffer_paused": "whether reading is paused because too much waits",
    "_close": "ends the connection after the answer that is being written",
    "_force_close": "whether the connection ends at once",
    "_keepalive_handle": "the timer of an idle connection",
    "_lingering_time": "how long the rest of a body is waited for",
    "_max_msg_queue_size": "how many requests may wait for their answers",
    "_message_tail": "what has come behind a handshake",
    "_messages": "requests that were parsed and wait for their answers: pairs of message and body",
    "_pause_reading_for_buffer": "pauses reading",
    "_process_keepalive": "called when a connection was idle for too long",
    "_request_count": "how many requests were parsed",
    "_resume_reading_if_drained": "goes on reading",
    "_upgraded": "whether the parser takes what follows for another protocol",
    "_waiter": "what the handler waits for between two requests",
}
"""Private names of `aiohttp.web.RequestHandler`, and what each is for."""


class Internals(web.RequestHandler):
    """aiohttp's handler of one connection, with public names for what a subclass needs."""

    __slots__ = ()

    @property
    def ends(self) -> bool:
        """Whether no more requests are handled."""
        return bool(self._close or self._force_close)

    @property
    def is_idle(self) -> bool:
        """Whether all requests are answered, and the next one is awaited."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def parsed(self) -> int:
        """The number of requests parsed so far."""
        return self._request_count

    @property
    def unanswered(self) -> int:
        """The number of parsed requests that wait for their turn."""
        return len(self._messages)

    @property
    def has_room(self) -> bool:
        """Whether one more request may be parsed now."""
        return len(self._messages) < self._max_msg_queue_size

    @property
    def is_upgraded(self) -> bool:
        """Whether the parser takes what follows for another protocol."""
        return bool(self._upgraded)

    def parse(self, data: bytes) -> None:
        """Give ``data`` to aiohttp's parser, which queues what is complete."""
        super().data_received(data)

    def newest(self) -> RawRequestMessage | None:
        """The request queued last; None if it could not be parsed."""
        message = self._messages[-1][0]
        return None if isinstance(message, _ErrInfo) else message

    def drop_newest(self) -> None:
        """Forget the request queued last."""
        self._messages.pop()

    def queue_error(self, status: int, error: Exception) -> None:
        """Queue ``error`` like a request that could not be parsed: `handle_error` makes the answer in its turn."""
        self._request_count += 1
        self._messages.append((_ErrInfo(status, error, str(error)), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def pause(self) -> None:
        """Stop reading for now."""
        if not self._buffer_paused:
            self._pause_reading_for_buffer()

    def unpause(self) -> None:
        """Read on, if there is room again."""
        if self._buffer_paused:
            self._resume_reading_if_drained()

    def end_after_answer(self) -> None:
        """Make the answer that is being written the last one."""
        self._close = True

    def wait_for_no_body(self) -> None:
        """Do not wait for the rest of a body."""
        self._lingering_time = 0

    def leave(self, data: bytes) -> None:
        """Leave ``data`` to the protocol that takes the connection over."""
        self._message_tail = data

    @property
    def may_expire(self) -> bool:
        """Whether the connection may end after being idle for too long."""
        return True

    def _process_keepalive(self) -> None:
        if self.may_expire:
            super()._process_keepalive()
        else:
            self._keepalive_handle = None


def answer_in_http_1_1(request: web.BaseRequest) -> None:
    """Answer ``request``, which could not be read, in HTTP/1.1."""
    request._version = HttpVersion11


class _Answered(web.StreamResponse):
    """A handler's result when nothing is left to send; one object serves for all."""

    async def prepare(self, _request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, _data: bytes = b"") -> None:
        return None


_ANSWERED: Final = _Answered(status=101)


def take_over(request: web.Request, make: Callable[[asyncio.Transport], asyncio.Protocol]) -> web.StreamResponse:
    """Give the connection of ``request`` to the protocol that ``make`` creates for its transport.

    aiohttp is told that the connection is lost, and forgets it. Its protocol, a task or two, headers and frames of
    handlers take more than ten kilobytes, and a client that stays for hours needs none of them. The request's handler
    must return what this returns.
    """
    handler = request.protocol
    transport = handler.transport
    if transport is None:
        return _ANSWERED
    early = _EarlyBytes()
    # How an upgrade receives what follows the request, including what has come already.
    handler.set_parser(early)  # type: ignore[arg-type] # any object with these two methods serves
    protocol = make(transport)
    transport.set_protocol(protocol)
    # The handler closes what it still holds.
    handler.transport = None
    handler.connection_lost(None)
    if early.data:
        protocol.data_received(bytes(early.data))
    return _ANSWERED


class _EarlyBytes:
    """Keeps what a client sends before its handshake is answered."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        pass
