"""Requests that aiohttp serves: probes, pages, tickets, and handshakes with something unusual about them.

Its handler of one connection, with bounds to what a stranger may do to it.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import _ErrInfo
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.buffers import Buffers
from gateway.metrics import Counters

KEEPALIVE_S: Final = 15
"""How long a client of HTTP may be idle between two requests, and how long the head of the next may take."""

_MAX_FIELD_BYTES: Final = 9 * 1024
"""Of a request's first line or of one header: the longest token, and a little."""
_MAX_FIELDS: Final = 64

logger = logging.getLogger(__name__)


def expecting_nothing(make_request: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """``make_request``, a request factory of aiohttp's, but that ``Expect`` headers are overlooked.

    A final answer may come without `100 Continue` (RFC 9110, section 10.1.1), and here nobody reads a body. aiohttp
    would answer before anybody has looked who is asking, and quote the header.
    """

    def make(message: RawRequestMessage, *args: Any) -> web.BaseRequest:
        if hdrs.EXPECT in message.headers:
            headers = CIMultiDict(message.headers)
            headers.popall(hdrs.EXPECT)
            message = message._replace(headers=CIMultiDictProxy(headers))
        return make_request(message, *args)

    return make


class Requests(web.RequestHandler):
    """One connection's requests; nothing of a wrong one is said again, and nothing of any is waited for without end.

    aiohttp quotes a wrong request to whoever sent it and, with a traceback, in the log at level ERROR: there a token
    would be kept, and any stranger could fill the disk.
    """

    __slots__ = ("_buffers", "_counters")

    def __init__(self, server: web.Server, counters: Counters, buffers: Buffers) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # that is how aiohttp is told to keep none
            keepalive_timeout=KEEPALIVE_S,
            max_line_size=_MAX_FIELD_BYTES,
            max_field_size=_MAX_FIELD_BYTES,
            max_headers=_MAX_FIELDS,
            # No request here has a body that anybody reads.
            auto_decompress=False,
        )
        self._counters = counters
        self._buffers = buffers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ours (called for the event loop)."""
        super().connection_made(transport)
        # Whatever waits is to be heard of: a client that reads nothing must not keep its place for ever.
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        """More of a request, or of the next (called for the event loop)."""
        waiting = self._messages
        if waiting and isinstance(waiting[-1][0], _ErrInfo):
            # It will be told so, and closed. Until then each piece more would be one more error, with its traceback.
            return
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone (called for the event loop)."""
        self._buffers.forget(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Something waits to be read by the client (called for the event loop)."""
        super().pause_writing()
        self._buffers.waits(self)

    def resume_writing(self) -> None:
        """The kernel has taken everything (called for the event loop)."""
        super().resume_writing()
        self._buffers.drained(self)

    @property
    def waiting_bytes(self) -> int:
        """See `gateway.kept.Holder`."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    def abort(self, reason: str) -> None:
        """See `gateway.kept.Holder`."""
        logger.debug("a client of HTTP is cut off: %s", reason)
        self._abort()

    def end_unfinished(self) -> None:
        """See `gateway.kept.Holder`; whose task it is to end an unfinished request is said elsewhere."""

    def close_if_idle(self) -> None:
        """End the connection if it is between two requests."""
        if self._waiter is not None and not self._waiter.done():
            self.force_close()

    def _abort(self) -> None:
        transport = self.transport
        if transport is not None:
            transport.abort()

    async def start(self) -> None:
        """Serve until the connection ends (called by aiohttp)."""
        try:
            await super().start()
        except Exception as error:
            # A target that passes its parser and fails its URL. Nobody else would end the connection.
            self._refused(error)
            self._abort()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write an answer; True where the client is gone (called by aiohttp)."""
        try:
            # A file goes from the kernel to the kernel, and nothing of ours hears how that fares.
            async with asyncio.timeout(self._buffers.unread_s):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self._abort()
            return resp, True

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to a request that could not be read, or not be answered (called by aiohttp)."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._refused(exc)
        answer = web.Response(status=status, text="400: Bad Request")
        answer.force_close()
        return answer

    def _refused(self, error: Exception) -> None:
        self._counters.connections_refused["bad_request"] += 1
        logger.debug("what came is no request (%s)", type(error).__name__)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Say that something went wrong (called by aiohttp)."""
        exc = kwargs.get("exc_info")
        if isinstance(exc, HttpProcessingError):
            logger.debug("the body of a request could not be read (%s)", type(exc).__name__)
        else:
            super().log_exception(*args, **kwargs)
