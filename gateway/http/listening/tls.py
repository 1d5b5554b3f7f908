"""TLS, for a gateway without a front that ends it.

The event loop does the cryptography. What it does not do by itself: a connection is counted, limited and timed before
its handshake costs anything, and the transport beneath tells at once when the kernel takes no more.
"""

import asyncio
import functools
import ssl
from collections.abc import Callable
from typing import Final, cast

from aiohttp import web

from gateway.admission.acceptor import PendingHandshake
from market.settings.environ import SettingError

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and AEAD only."""


def context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 and later, for HTTP/1.1, with a certificate of a PEM file; without ``key`` its key is there too.

    Raises:
        SettingError: a file cannot be read or used.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(CIPHERS)
    made.set_alpn_protocols(["http/1.1"])
    made.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    made.num_tickets = 0
    load(made, certificate, key)
    return made


def load(made: ssl.SSLContext, certificate: str, key: str) -> None:
    """Use a certificate for handshakes from now on.

    Raises:
        SettingError: a file cannot be read or used.
    """
    try:
        # A key that wants a password would ask for it on the terminal.
        made.load_cert_chain(certificate, key or None, password="")
    except (OSError, ValueError) as error:
        problem = error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)
        raise SettingError(
            f"GATEWAY_TLS_CERT {certificate!r}{f', GATEWAY_TLS_KEY {key!r}' if key else ''}: cannot be used"
            f" ({problem or 'no certificate with its key'}); name PEM files of certificate, chain and key"
        ) from None


async def ask_for_tls(request: web.Request, response: web.StreamResponse) -> None:
    """Let browsers use TLS only, for a year; in plain text it would mean nothing (RFC 6797)."""
    if request.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


class Secured(asyncio.Protocol):
    """An accepted connection until its TLS handshake is over; then a `PendingHandshake` goes on with it."""

    def __init__(self, pending: PendingHandshake, made: ssl.SSLContext, timeout_s: float) -> None:
        self._pending = pending
        self._context = made
        self._timeout_s = timeout_s
        self._early = bytearray()
        """What came before the event loop expected it: first of the handshake, then of what follows it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, and begin the handshake unless it is over a limit (called by the event loop)."""
        beneath = cast("asyncio.Transport", transport)
        # Nothing waits there unseen: TLS keeps what the kernel refuses, and reports it.
        beneath.set_write_buffer_limits(high=0)
        self._pending.connection_made(beneath)
        if beneath.is_closing():
            return
        loop = asyncio.get_running_loop()
        handshake = loop.create_task(
            loop.start_tls(beneath, self, self._context, server_side=True, ssl_handshake_timeout=self._timeout_s)
        )
        handshake.add_done_callback(functools.partial(self._secured, beneath))
        # Behind all that the task's first step leaves to the next turn.
        loop.call_soon(loop.call_soon, self._catch_up, beneath)

    def _catch_up(self, beneath: asyncio.Transport) -> None:
        """Give TLS what came before it had taken the connection over."""
        protocol = cast("asyncio.BufferedProtocol", beneath.get_protocol())
        early, self._early = self._early, bytearray()
        while early and hasattr(protocol, "get_buffer") and not beneath.is_closing():
            room = memoryview(protocol.get_buffer(len(early)))
            count = min(len(room), len(early))
            room[:count] = early[:count]
            protocol.buffer_updated(count)
            del early[:count]

    def _secured(self, beneath: asyncio.Transport, handshake: "asyncio.Task[asyncio.Transport | None]") -> None:
        pending = self._pending
        # Without a handshake it was not TLS, or none that we accept; or it went, or took too long.
        failed = handshake.cancelled() or handshake.exception() is not None
        secured = None if failed else handshake.result()
        if secured is None or secured.is_closing():
            beneath.abort()
            pending.connection_lost(None)
            return
        pending.transport = secured
        secured.set_protocol(pending)
        if self._early:
            pending.data_received(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        """Keep it (called by the event loop)."""
        self._early += data


def securing(
    accept: Callable[[str | None], PendingHandshake], made: ssl.SSLContext, timeout_s: Callable[[], float]
) -> Callable[..., Secured]:
    """The protocol factory that puts TLS before the connections of ``accept``; both take an announced address."""

    def secured(announced: str | None = None) -> Secured:
        return Secured(accept(announced), made, timeout_s())

    return secured
