"""Connections that a layer-4 balancer announces with a PROXY header, before anything else is done with them."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from gateway.admission.proxy_header import HeaderError, read
from gateway.log_events import PROXY_HEADER_WRONG
from gateway.metrics.counters import Counters
from gateway.websocket.sockets import peer_of

_LOG_S: Final = 60.0
"""Between two log lines about headers: a wrong balancer brings one with each connection."""

Accept = Callable[[str | None], asyncio.Protocol]
"""Makes the protocol of a connection from an announced address, or None for its own."""

logger = logging.getLogger(__name__)


class Announcements:
    """A protocol factory: connections of balancers must begin with a PROXY header, others go to ``accept`` at once."""

    def __init__(
        self,
        accept: Accept,
        is_balancer: Callable[[str | None], bool],
        counters: Counters,
        timeout_s: Callable[[], float],
    ) -> None:
        """``is_balancer`` says of an address whether its connections are announced, within ``timeout_s``."""
        self.accept = accept
        self.is_balancer = is_balancer
        self.timeout_s = timeout_s
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._log_at = self._loop.time()

    def __call__(self) -> "Announced":
        """Make the protocol of one accepted connection: what the event loop asks for."""
        return Announced(self)

    def refused(self, peer: str | None, problem: str) -> None:
        """Count a connection without a valid header, and log it now and then."""
        self._counters.connections_refused["proxy_header"] += 1
        now = self._loop.time()
        if now >= self._log_at:
            self._log_at = now + _LOG_S
            logger.warning(PROXY_HEADER_WRONG, peer, problem)


class Announced(asyncio.Protocol):
    """One accepted connection, until it is known whose it is."""

    def __init__(self, announcements: Announcements) -> None:
        self._announcements = announcements
        self._peer: str | None = None
        self._data = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass on a connection of anybody else (called by the event loop)."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = peer_of(transport)
        its = self._announcements
        if its.is_balancer(self._peer):
            self._timer = asyncio.get_running_loop().call_later(its.timeout_s(), self._refuse, "no PROXY header came")
        else:
            self._pass_on(None, b"")

    def data_received(self, data: bytes) -> None:
        """Collect the header (called by the event loop)."""
        self._data += data
        try:
            header = read(self._data)
        except HeaderError as error:
            self._refuse(str(error))
        else:
            if header is not None:
                self._pass_on(header.client, self._data[header.length :])

    def _pass_on(self, client: str | None, rest: bytes) -> None:
        self._stop()
        protocol = self._announcements.accept(client)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if rest and not self._transport.is_closing():
            protocol.data_received(rest)

    def _refuse(self, problem: str) -> None:
        self._stop()
        self._announcements.refused(self._peer, problem)
        self._transport.abort()

    def _stop(self) -> None:
        self._data = b""
        if self._timer is not None:
            self._timer.cancel()

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self._stop()
