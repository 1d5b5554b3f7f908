"""A server that says everything again, made of the gateway's own handshake, reader, frames and connection.

For conformance suites: they want an echo, and a gateway is none.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from gateway.http.aiohttp_internals import take_over
from gateway.metrics.counters import Counters
from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.connection import Connection
from gateway.websocket.framing.deflate import compress
from gateway.websocket.framing.frames import frame
from gateway.websocket.framing.parser import MessageVerdict
from gateway.websocket.handshake import check
from gateway.websocket.read_scheduler import ReadScheduler
from tests.waiting import until

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024

TRANSPORTS: Final = web.AppKey("TRANSPORTS", list[asyncio.Transport])
"""All that were ever taken over: aiohttp no longer knows them, and does not end them."""

_RSV1: Final = 0x40


class Echo:
    """One client's."""

    def __init__(
        self, transport: asyncio.Transport, *, reads_deflate: bool, writes_deflate: bool, window_bytes: int
    ) -> None:
        self._writes_deflate = writes_deflate
        counters = Counters()
        buffers = Buffers(counters, Bounds(unread_s=10, message_s=10, budget=0))
        self.connection = Connection(
            "echo",
            transport,
            "json",
            buffers,
            ReadScheduler(time.perf_counter),
            self,
            MAX_MESSAGE_BYTES,
            deflate=reads_deflate,
            window_bytes=window_bytes,
        )

    @property
    def payer(self) -> None:
        """Everybody has turns of its own."""
        return

    def message_due(self, _compressed: int) -> MessageVerdict:
        """Nobody is refused here."""
        return "ok"

    def message_received(self, opcode: int, data: bytes) -> None:
        """Say it again, compressed as the gateway compresses a batch."""
        if self._writes_deflate:
            self.connection.reply(frame(_RSV1 | opcode, compress(data)))
        else:
            self.connection.reply(frame(opcode, data))

    def frame_received(self, _opcode: int) -> None:
        """Nothing is counted here."""

    def ping_answered(self, _number: int) -> bool:
        """Nothing was asked."""
        return False

    def heartbeat_answered(self, _number: int, _took_s: float) -> None:
        """Nobody is measured here."""

    def connection_lost(self) -> None:
        """Nothing is kept here."""


async def echo(request: web.Request) -> web.StreamResponse:
    """Answer a handshake with an `Echo`.

    At ``/deflate`` messages may come in compressed whatever was negotiated: a suite that never offers compression
    then meets the reader of a client that did.
    """
    handshake = check(request.headers, ())
    reads_deflate = handshake.deflate or request.path == "/deflate"

    def make(transport: asyncio.Transport) -> Connection:
        request.app[TRANSPORTS].append(transport)
        connection = Echo(
            transport,
            reads_deflate=reads_deflate,
            writes_deflate=handshake.deflate,
            window_bytes=handshake.window_bytes,
        ).connection
        connection.reply(handshake.head)
        return connection

    return take_over(request, make)


async def ready(_request: web.Request) -> web.Response:
    """What a load balancer asks."""
    return web.Response()


@asynccontextmanager
async def echo_server() -> AsyncIterator[str]:
    """An echo at ``/ws`` and ``/deflate``; its ``host:port``."""
    app = web.Application()
    app[TRANSPORTS] = []
    app.add_routes([web.get("/ws", echo), web.get("/deflate", echo), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()
        # Those of clients that went without a word, or do not read their close frame, are still open.
        await until(lambda: not _open(app[TRANSPORTS]))


def _open(transports: list[asyncio.Transport]) -> list[asyncio.Transport]:
    """Those whose sockets are not closed yet; each is told to, which takes another turn of the loop."""
    still = [transport for transport in transports if transport.get_extra_info("socket").fileno() >= 0]
    for transport in still:
        transport.abort()
    return still
