"""``python -m gateway``: one gateway on ``GATEWAY_HOST:GATEWAY_PORT``.

``python -m gateway token`` makes a token for development, see `gateway.auth.token`.
"""

from market.settings import early  # before the others

# isort: split
import asyncio
import errno
import functools
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Final

import uvloop
from aiohttp import web

from gateway.app import create_app, drain
from gateway.errors import GatewayError
from gateway.http.routes import GATEWAY
from gateway.http.server import BACKLOG, Serving
from gateway.reload import reload
from gateway.settings import Settings
from market.errors import MarketError
from market.process import logs
from market.process.printable import complain
from market.process.service_manager import ServiceManager
from market.process.tasks import end
from market.process.usage import Parser, of_settings
from market.settings.config import GATEWAYS, layered
from market.settings.hangup import Hangup, reload_whenever
from market.settings.mistakes import alone_in_memory, warn

logger = logging.getLogger("gateway")


async def serve(settings: Settings, hangup: Hangup, manager: ServiceManager) -> None:
    """Run a gateway until SIGTERM or Ctrl-C, then drain it; a second signal ends it at once.

    Each ``hangup`` reads the settings again. Sockets that ``manager`` hands over are listened on in place of
    ``GATEWAY_HOST`` and ``GATEWAY_PORT``.

    Raises:
        GatewayError: it cannot listen at its address.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    asked = hangup.listen()

    def on_signal() -> None:
        if stop.is_set():
            drained.cancel()
        manager.stopping()
        stop.set()

    serving = Serving(create_app(settings))
    await serving.start()
    drained = loop.create_task(_drain_when(stop, serving.app))
    reloading = loop.create_task(
        reload_whenever(
            asked,
            functools.partial(Settings.from_environ, os.environ),
            functools.partial(reload, serving.app[GATEWAY]),
        )
    )
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)
        await _listen(serving, settings, manager.take_sockets())
        feed = serving.app[GATEWAY].feed
        reporting = loop.create_task(manager.report(lambda: feed.live))
        try:
            await asyncio.wait((drained,))
        finally:
            await end(reporting)
        if not drained.cancelled():
            drained.result()
    finally:
        await end(drained, reloading)
        await serving.close()
        hangup.ignore()


async def _drain_when(stop: asyncio.Event, app: web.Application) -> None:
    await stop.wait()
    await drain(app)


async def _listen(serving: Serving, settings: Settings, handed_over: Sequence[socket.socket]) -> None:
    try:
        for sock in handed_over:
            await serving.listen(sock=sock, backlog=BACKLOG)
        if handed_over:
            serving.keep_queue()
        else:
            await serving.listen(host=settings.host, port=settings.port, backlog=BACKLOG)
        if settings.private_port and not serving.listens_privately:
            await serving.listen(host=settings.private_host, port=settings.private_port, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"GATEWAY_PORT {settings.port} is in use; stop what listens there, or choose another"
        else:
            problem = f"GATEWAY_HOST {settings.host!r} cannot be listened on ({error.strerror or error})"
        raise GatewayError(problem) from None


SETTINGS: Final = {
    "BUS_URL": f"where ticks come from: {Settings().bus_url}",
    "SYMBOLS": "what clients may ask for, as BTCUSDT,ETHUSDT, or @file",
    "GATEWAY_HOST": "where it listens: 127.0.0.1",
    "GATEWAY_PORT": "where it listens: 8080",
    "AUTH_MODE": "jwt: clients need a token; none",
    "ALLOWED_ORIGINS": "whose pages may connect, as https://app.example.com,self",
    "TICKGATE_CONFIG": "a file of NAME=VALUE lines",
    "LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
}


def make_token(arguments: Sequence[str], program: str) -> int:
    """Print a token for development; the exit code is 0, or 2 if none can be made."""
    # Imported here: cryptography is for those who need it.
    from gateway.auth import token

    try:
        with layered(os.environ) as variables:
            return token.main(arguments, variables, program=program)
    except MarketError as error:
        complain(f"{program}: {error}")
        return 2


def main(arguments: Sequence[str] | None = None, program: str = "python -m gateway") -> int:
    """Returns the exit code: 0 after a graceful stop, 2 where a setting stops the start."""
    early.imported()
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["token"]:
        return make_token(words[1:], f"{program} token")
    description = "Bus to clients: serve prices over WebSocket, and a dashboard. Ctrl-C ends it."
    Parser(program, description, of_settings(SETTINGS)).parse_args(words)
    hangup, manager = Hangup(), ServiceManager(os.environ)
    try:
        settings = Settings.from_environ(os.environ)
        logs.configure(settings.log_format, settings.log_level, levels=settings.log_levels)
        warn(logger, os.environ, GATEWAYS, alone_in_memory(settings.bus_url, "nobody will ever publish prices on it"))
        uvloop.run(serve(settings, hangup, manager))
    except (GatewayError, MarketError) as error:
        complain(f"gateway: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
