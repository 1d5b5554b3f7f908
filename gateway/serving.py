"""An application on its sockets: what ``python -m gateway`` and the gunicorn worker have in common."""

import asyncio
from typing import Any, Final

from aiohttp import web

from gateway.app import arrivals
from gateway.arrivals import Arrivals

BACKLOG: Final = 4096
"""Connections the kernel may hold for us: a reconnect storm arrives faster than it is accepted."""

_KEEPALIVE_S: Final = 15
"""How long a client of HTTP may be idle between two requests."""


class Serving:
    """A running application; it listens where it is told to."""

    def __init__(self, app: web.Application, shutdown_timeout_s: float = 60) -> None:
        """Nothing runs before `start`. Requests get ``shutdown_timeout_s`` to finish when it closes."""
        self.app = app
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=shutdown_timeout_s,
            keepalive_timeout=_KEEPALIVE_S,
        )
        self._servers: list[asyncio.Server] = []
        self._arrivals: Arrivals | None = None

    async def start(self) -> None:
        """Run the application; nobody can connect yet."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        self._arrivals = arrivals(self.app, server)

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
