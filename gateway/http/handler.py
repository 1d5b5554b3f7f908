"""Requests that aiohttp serves: probes, pages, tickets, and unusual handshakes.

This is aiohttp's handler of one connection, bounded against what strangers may do.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.admission.acceptor import PendingHandshake
from gateway.admission.request.head import MAX_FIELDS, MAX_HEAD_BYTES, Heads, require_small_body
from gateway.admission.request.lines import no_request
from gateway.admission.request.targets import require_own_target
from gateway.errors import SERVER, RefusalError
from gateway.http.aiohttp_internals import Internals, answer_in_http_1_1
from gateway.log_events import HTTP_CLIENT_CUT_OFF, REQUEST_UNREADABLE
from gateway.metrics.counters import Counters
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.header_fields import asks_for_websocket
from gateway.websocket.sockets import report_what_waits

LINGER_S: Final = 1
"""A client that was refused in the middle of a request may go on sending for so long; it is thrown away. A socket that
is closed with unread bytes is reset, and the answer may be lost with it."""
_LINGER_BYTES: Final = 256 * 1024
_EARLY_BYTES: Final = 64 * 1024  # may follow a handshake before that is answered; then reading pauses

logger = logging.getLogger(__name__)


class Requests(Internals):
    """One connection's requests. A wrong one is never quoted, and nothing is awaited without end.

    aiohttp quotes a wrong request to its sender and, with a traceback, in the log at level ERROR. A token would be kept
    there, and any stranger could fill the disk.
    """

    __slots__ = (
        "_body_left",
        "_buffers",
        "_counters",
        "_ended",
        "_heads",
        "_held",
        "_is_whole",
        "_linger_bytes",
        "_pending",
        "_refused",
    )

    def __init__(self, server: web.Server, counters: Counters, buffers: Buffers, keepalive_s: float) -> None:
        """A client may be idle for ``keepalive_s`` between two requests."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # that is how aiohttp is told to keep none
            keepalive_timeout=keepalive_s,
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            max_headers=MAX_FIELDS,
            # Nobody reads a body here.
            auto_decompress=False,
        )
        self._counters = counters
        self._buffers = buffers
        self._pending: PendingHandshake | None = None
        self._heads = Heads()
        self._is_whole = True
        """Whether no head is incomplete."""
        self._body_left = 0
        self._linger_bytes = 0
        """After the last answer: so many more bytes are thrown away."""
        self._held = False
        """Whether what follows is kept: a handshake comes first, and what follows may not be HTTP."""
        self._refused = False
        """Whether nothing more is parsed."""
        self._ended = asyncio.Event()
        """Set when the client sends no more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ours (called for the event loop)."""
        super().connection_made(transport)
        protocol = cast("asyncio.Transport", transport).get_protocol()
        self._pending = protocol if isinstance(protocol, PendingHandshake) else None
        # The transport must report whatever waits: a client that reads nothing must not stay for ever.
        report_what_waits(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Take more bytes of requests (called for the event loop, and by aiohttp when it has room again)."""
        if self._refused or self.ends:
            # The client has the refusal, or will have it. Each further piece would only be one more error.
            if self._linger_bytes:
                self._linger_bytes -= len(data)
                if self._linger_bytes <= 0:
                    self._abort()
            return
        self._heads.add(data)
        try:
            self._advance()
        except RefusalError as refusal:
            self._answer(refusal)
        if self._held and len(self._heads) > _EARLY_BYTES:
            self.pause()
        self._watch()

    def _advance(self) -> None:
        """Give aiohttp what has come, a head or a part of a body at a time, while it has room."""
        heads = self._heads
        while self.has_room and (self._body_left or not (self._held or self._refused)):
            if self._body_left:
                part = heads.take(self._body_left)
                self._body_left -= len(part)
            else:
                part = heads.take_head() or b""
                if part:
                    self._begin(part)
                    continue
            if not part:
                return
            self.parse(part)

    def _begin(self, head: bytes) -> None:
        # The first head was charged when it arrived.
        if self._pending is not None and self.parsed:
            self._pending.charge(head)
        unanswered = self.unanswered
        self.parse(head)
        if self.unanswered == unanswered:
            # aiohttp saw no request. Whatever it was, nobody knows where it ends.
            raise no_request()
        message = self.newest()
        if message is None:
            self._refused, self._body_left = True, 0
            return
        try:
            require_own_target(message.method, message.path, message.headers)
            self._body_left = require_small_body(message.headers)
        except RefusalError:
            self.drop_newest()
            raise
        self._held = self.is_upgraded or asks_for_websocket(message.headers)

    def _answer(self, refusal: RefusalError) -> None:
        """Make ``refusal`` the last answer, behind those to earlier requests."""
        self._refused, self._body_left = True, 0
        self._heads.take(len(self._heads))
        self.queue_error(refusal.status, refusal)

    def _watch(self) -> None:
        """Bound the time of an incomplete head, and count its bytes."""
        is_whole = self._body_left > 0 or self._held or not len(self._heads)
        self._buffers.keeps(self, len(self._heads))
        if is_whole != self._is_whole and self._pending is not None:
            self._is_whole = is_whole
            if is_whole:
                self._pending.end_head()
            else:
                self._pending.begin_head()

    def eof_received(self) -> bool | None:  # type: ignore[override] # aiohttp's says None: it hangs up at once
        """The client sends no more, but may wait for its answers (called for the event loop)."""
        self._ended.set()
        # The rest of a body will not come.
        self.wait_for_no_body()
        if self.parsed == 0 or self.is_idle:
            return False
        if not self.unanswered and not self._held:
            # Only the answer that is being written, if it is not finished, is still to come.
            self.end_after_answer()
        return True

    @property
    def finished(self) -> bool:
        """Whether the client sends no more."""
        return self._ended.is_set()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone (called for the event loop)."""
        self._buffers.forget(self)
        self._ended.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Data waits for the client to read (called for the event loop)."""
        super().pause_writing()
        self._buffers.waits(self)

    def resume_writing(self) -> None:
        """The kernel has taken everything (called for the event loop)."""
        super().resume_writing()
        self._buffers.drained(self)

    @property
    def waiting_bytes(self) -> int:
        """See `gateway.websocket.buffering.entries.Holder`."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    def abort(self, reason: str) -> None:
        """See `gateway.websocket.buffering.entries.Holder`."""
        logger.debug(HTTP_CLIENT_CUT_OFF, reason)
        self._abort()

    waits_to_be_read = False

    def end_unfinished(self) -> None:
        """See `gateway.websocket.buffering.entries.Holder`; another deadline ends unfinished requests."""

    def close_if_idle(self) -> None:
        """End the connection if it is between two requests."""
        if self.is_idle:
            self.force_close()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    async def start(self) -> None:
        """Serve until the connection ends (called by aiohttp)."""
        try:
            await super().start()
        except Exception as error:
            # A target that passes aiohttp's parser may fail as a URL. Nobody else would end the connection.
            self._counters.connections_refused["bad_request"] += 1
            logger.debug(REQUEST_UNREADABLE, type(error).__name__)
            self._abort()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write an answer; True if the client is gone (called by aiohttp)."""
        try:
            # A file goes from kernel to kernel, and none of our code sees whether it is read.
            async with asyncio.timeout(self._buffers.unread_s):
                answered = await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self._abort()
            return resp, True
        if self.transport is None or self.unanswered:
            return answered
        if self._refused:
            await self._linger(self.transport)
        elif self._held:
            # It was no handshake, so what follows is HTTP.
            self._held = False
            self.data_received(b"")
            self.unpause()
        if self._ended.is_set() and not self.unanswered:
            self.close()
        return answered

    async def _linger(self, transport: asyncio.Transport) -> None:
        """Wait until the client has finished too: it may still be sending, and read its answer only then."""
        if not self._ended.is_set():
            self._linger_bytes = _LINGER_BYTES
            with suppress(TimeoutError, OSError):
                transport.write_eof()
                async with asyncio.timeout(LINGER_S):
                    await self._ended.wait()

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Give away the connection, and what has followed the handshake (called by the new owner)."""
        self.leave(self._heads.take(len(self._heads)))
        super().set_parser(parser, data_received_cb)

    @property
    def may_expire(self) -> bool:
        """Whether the client is idle: not while the head of its next request is incomplete."""
        return self._is_whole

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to a request that could not be read or answered (called by aiohttp)."""
        if isinstance(exc, HttpProcessingError):
            logger.debug(REQUEST_UNREADABLE, type(exc).__name__)
            exc = no_request()
        if not isinstance(exc, RefusalError):
            return super().handle_error(request, status, exc, message)
        self._counters.refused(exc)
        answer_in_http_1_1(request)
        headers = {**exc.headers, hdrs.SERVER: SERVER}
        answer = web.Response(status=exc.status, body=exc.body, content_type="application/json", headers=headers)
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log an error (called by aiohttp)."""
        exc = kwargs.get("exc_info")
        if not isinstance(exc, HttpProcessingError):
            super().log_exception(*args, **kwargs)
