"""An application on its sockets: the common part of ``python -m gateway`` and the gunicorn worker."""

import asyncio
import functools
import logging
import ssl
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, cast

from aiohttp import web

from gateway.admission.acceptor import Acceptor
from gateway.admission.address import TrustedProxies, is_every_address, is_private
from gateway.admission.descriptors import make_room
from gateway.http.expectations import expecting_nothing
from gateway.http.handler import Requests
from gateway.http.health import answer_now
from gateway.http.listening import shared_port, tls
from gateway.http.listening.announced import Announcements
from gateway.http.routes import GATEWAY, WEBSOCKET_PATH
from gateway.http.upgrade import upgrade_now
from gateway.log_events import CERTIFICATE_REFUSED
from gateway.protocol.encodings import AT
from gateway.settings import Settings
from gateway.websocket.sockets import bind_both
from market.settings.environ import SettingError

logger = logging.getLogger(__name__)

BACKLOG: Final = 4096
"""Connections that the kernel may hold for us: a reconnect storm arrives faster than it is accepted."""

_FINISH_S: Final = 1.0
"""Requests under way get so long when the application ends; WebSocket clients have had their drain."""


class Serving:
    """A running application, which listens on given sockets."""

    def __init__(self, app: web.Application) -> None:
        """Nothing runs before `start`."""
        self.app = app
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_FINISH_S)
        self._servers: list[asyncio.Server] = []
        self._public: list[asyncio.Server] = []
        self._tls: ssl.SSLContext | None = None
        self._leaving: asyncio.Task[Any] | None = None
        self._acceptor: Acceptor | None = None

    async def start(self) -> None:
        """Run the application; nobody can connect yet."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        server.request_factory = expecting_nothing(server.request_factory)
        gateway = self.app[GATEWAY]
        self._acceptor = acceptor(
            self.app,
            lambda: Requests(server, gateway.counters, gateway.buffers, gateway.settings.keepalive_s),
            served=lambda: len(server.connections),
        )
        settings = gateway.settings
        if settings.tls_cert:
            self._tls = tls.context(settings.tls_cert, settings.tls_key)
            # Metrics need it. The first scrape would take tens of milliseconds for the import, and prices would wait.
            import_module("market.metrics.certificate")
            gateway.on_change.append(self._renew)
        if settings.reuse_port:
            gateway.leave_port = self._leave_port

    async def listen(self, **where: Any) -> None:
        """Accept connections at ``host`` and ``port``, or on ``sock``, as `asyncio.loop.create_server` does.

        At the private port they come without TLS and without a PROXY header.

        Raises:
            OSError: it is not possible to listen there.
            SettingError: strangers can reach that address, and no setting allows it.
        """
        loop, settings = asyncio.get_running_loop(), self.app[GATEWAY].settings
        port = where["sock"].getsockname()[1] if "sock" in where else where["port"]
        public = not settings.private_port or port != settings.private_port
        if public and settings.reuse_port and "sock" not in where:
            where["reuse_port"] = True
        if is_every_address(where.get("host")):
            del where["host"]
            where["sock"] = bind_both(where.pop("port"), reuse_port=where.pop("reuse_port", False))
        server = await loop.create_server(self._accept(public=public), start_serving=False, **where)
        self._servers.append(server)
        if public:
            self._public.append(server)
        # Another program may have made the socket (`bind` of gunicorn, or systemd), and may not know GATEWAY_HOST.
        for listener in server.sockets:
            self._require_private(listener.getsockname())
        await server.start_serving()

    @property
    def listens_privately(self) -> bool:
        """Whether it listens at the private port."""
        return len(self._servers) > len(self._public)

    def keep_queue(self) -> None:
        """Leave newcomers to whoever listens next, once this application drains: its sockets outlive its process."""
        self.app[GATEWAY].leave_port = self.leave_to_successor

    def _accept(self, *, public: bool) -> Callable[[], asyncio.BaseProtocol]:
        assert self._acceptor is not None
        gateway = self.app[GATEWAY]
        accept: Any = self._acceptor
        if not public:
            return cast("Callable[[], asyncio.BaseProtocol]", accept)

        def timeout_s() -> float:
            return gateway.settings.handshake_timeout_s

        if self._tls is not None:
            accept = tls.securing(self._acceptor, self._tls, timeout_s)
        if gateway.settings.accept_proxy != TrustedProxies():
            accept = Announcements(
                accept, lambda peer: gateway.settings.accept_proxy.trusts(peer), gateway.counters, timeout_s
            )
        return cast("Callable[[], asyncio.BaseProtocol]", accept)

    def _renew(self) -> None:
        """Read the certificate's file again: settings were read again, perhaps because it has been renewed."""
        settings = self.app[GATEWAY].settings
        try:
            # Else a file that cannot be used would leave half of another certificate in the one that is served.
            tls.context(settings.tls_cert, settings.tls_key)
            assert self._tls is not None
            tls.load(self._tls, settings.tls_cert, settings.tls_key)
        except SettingError as error:
            logger.error(CERTIFICATE_REFUSED, error)  # noqa: TRY400 - one line, no traceback

    def _leave_port(self) -> None:
        """Leave newcomers to the other processes on the public port; those who wait in its queue are served here."""
        gateway = self.app[GATEWAY]
        if gateway.succeeded:
            return
        gateway.succeeded = True
        self._leaving = asyncio.get_running_loop().create_task(
            shared_port.leave(self._public, self._accept(public=True)), name="leave the port"
        )

    def _require_private(self, name: Any) -> None:
        if not self.app[GATEWAY].settings.may_be_public and not is_private(name):
            raise SettingError(
                f"{name[0]} is not loopback and AUTH_MODE is none: anyone who reaches it could listen;"
                " set AUTH_MODE=jwt, or ALLOW_ANONYMOUS=1 if that is meant"
            )

    def leave_to_successor(self) -> None:
        """Stop accepting: another process accepts on the same sockets. Accepted connections are still served."""
        self.app[GATEWAY].succeeded = True
        for server in self._servers:
            server.close()
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if isinstance(connection, Requests):
                # Its next request goes to the successor.
                connection.close_if_idle()

    async def close(self) -> None:
        """Stop listening, and end the application and every connection."""
        for server in self._servers:
            server.close()
        if self._leaving is not None:
            await asyncio.wait((self._leaving,))
        if self._acceptor is not None:
            self._acceptor.close()
        await self._runner.cleanup()


def acceptor(app: web.Application, serve: Callable[[], asyncio.Protocol], served: Callable[[], int]) -> Acceptor:
    """The protocol factory of a running ``app`` for ``loop.create_server``.

    ``serve`` is aiohttp's own; ``served`` says how many connections it has.
    """
    gateway = app[GATEWAY]
    settings = gateway.settings
    room = _room(settings)

    def has_room() -> bool:
        return len(gateway.hub) + len(made) + served() < room

    def settings_changed() -> None:
        nonlocal room
        room = _room(gateway.settings)
        made.pending.change(timeout_s=gateway.settings.handshake_timeout_s, most=gateway.settings.max_handshakes)

    made = Acceptor(
        gateway.admission,
        functools.partial(upgrade_now, gateway),
        functools.partial(answer_now, gateway),
        (WEBSOCKET_PATH, *AT),
        serve,
        gateway.counters,
        gateway.buffers,
        gateway.read_scheduler,
        timeout_s=settings.handshake_timeout_s,
        most=settings.max_handshakes,
        has_room=has_room,
    )
    gateway.on_change.append(settings_changed)
    gateway.arriving = lambda: len(made) + served()
    return made


def _room(settings: Settings) -> int:
    """How many sockets there may be, with a descriptor for each."""
    unlimited = not (settings.max_connections and settings.max_handshakes)
    return make_room(0 if unlimited else settings.max_connections + settings.max_handshakes)
