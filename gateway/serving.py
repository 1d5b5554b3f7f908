"""An application on its sockets: what ``python -m gateway`` and the gunicorn worker have in common."""

import asyncio
import functools
import logging
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.app import arrivals
from gateway.arrivals import Arrivals

BACKLOG: Final = 4096
"""Connections the kernel may hold for us: a reconnect storm arrives faster than it is accepted."""

_KEEPALIVE_S: Final = 15
"""How long a client of HTTP may be idle between two requests, and how long the head of the next may take."""

_MAX_FIELD_BYTES: Final = 9 * 1024
"""Of a request's first line or of one header: the longest token, and a little."""
_MAX_FIELDS: Final = 64

logger = logging.getLogger(__name__)


class Serving:
    """A running application; it listens where it is told to."""

    def __init__(self, app: web.Application, shutdown_timeout_s: float = 60) -> None:
        """Nothing runs before `start`. Requests get ``shutdown_timeout_s`` to finish when it closes."""
        self.app = app
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=shutdown_timeout_s)
        self._servers: list[asyncio.Server] = []
        self._arrivals: Arrivals | None = None

    async def start(self) -> None:
        """Run the application; nobody can connect yet."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        self._arrivals = arrivals(
            self.app, functools.partial(_Requests, server), served=lambda: len(server.connections)
        )

    async def listen(self, **where: Any) -> None:
        """Accept connections at ``host`` and ``port``, or on ``sock``, as for `asyncio.loop.create_server`.

        Raises:
            OSError: that is not possible.
        """
        assert self._arrivals is not None
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(self._arrivals, **where))

    async def close(self) -> None:
        """Listen no more, and end the application and every connection."""
        for server in self._servers:
            server.close()
        if self._arrivals is not None:
            self._arrivals.close()
        await self._runner.cleanup()


class _Requests(web.RequestHandler):
    """One connection's requests, as aiohttp serves them, but that nothing of a wrong one is said again.

    aiohttp quotes it to whoever sent it and, with a traceback, in the log at level ERROR: there a token would be kept,
    and any stranger could fill the disk.
    """

    __slots__ = ()

    def __init__(self, server: web.Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # that is how aiohttp is told to keep none
            keepalive_timeout=_KEEPALIVE_S,
            max_line_size=_MAX_FIELD_BYTES,
            max_field_size=_MAX_FIELD_BYTES,
            max_headers=_MAX_FIELDS,
            # No request here has a body that anybody reads.
            auto_decompress=False,
        )

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to a request that could not be read, or not be answered (called by aiohttp)."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        logger.debug("what %s sent is no request (%s)", request.remote, type(exc).__name__)
        answer = web.Response(status=status, text="400: Bad Request")
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Say that something went wrong (called by aiohttp)."""
        exc = kwargs.get("exc_info")
        if isinstance(exc, HttpProcessingError):
            logger.debug("the body of a request could not be read (%s)", type(exc).__name__)
        else:
            super().log_exception(*args, **kwargs)
