"""TCP servers of tests. When one ends, it leaves no connection, not even one that it was just taking.

An event loop that ends with open connections is complained of when they are collected: in some later test, perhaps.
`asyncio.Server` leaves them, and on Python 3.11 it loses a connection that it was just taking when it was closed. So
`serving` takes them by itself, and `close` waits for it.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_PIECE = 65_536
_TURNS = 5
"""Of the event loop: enough for a connection to be there, and for one to be closed."""


async def turns() -> None:
    """Return when connections that are just being taken are there, and when those that were aborted are closed."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def close(server: asyncio.Server) -> None:
    """Let ``server`` take no more connections. Those that it was just taking are there when this returns."""
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        loop.remove_reader(sock.fileno())
    await turns()
    server.close()


def forward(port: int, host: str = "127.0.0.1") -> Handler:
    """A handler that carries each connection to ``port``, both ways, until each end has ended."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection(host, port)
        try:
            await asyncio.gather(_carry(reader, out), _carry(there, writer))
        finally:
            out.transport.abort()

    return handle


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError), contextlib.closing(writer):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def serving(
    handle: Handler, host: str = "127.0.0.1", port: int = 0, *, context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve each connection with ``handle``, with TLS if there is a ``context``; gives the port.

    What a handler leaves open stays until the end. A client that goes away ends its handler; any other error of a
    handler is raised at the end.
    """
    loop = asyncio.get_running_loop()
    serving: list[asyncio.Task[None]] = []
    begun: set[socket.socket] = set()
    taken: list[socket.socket] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(connection: socket.socket) -> None:
        begun.add(connection)
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        with contextlib.suppress(OSError, EOFError):
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
            writers.append(writer := asyncio.StreamWriter(transport, protocol, reader, loop))
            await handle(reader, writer)

    def accept() -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            taken.append(connection)
            serving.append(loop.create_task(serve(connection)))

    with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setblocking(False)
        loop.add_reader(listener, accept)
        try:
            yield listener.getsockname()[1]
        finally:
            loop.remove_reader(listener)
            listener.close()
            for task in serving:
                task.cancel()
            outcomes = await asyncio.gather(*serving, return_exceptions=True)
            for connection in taken:
                # A task that is cancelled before it begins does nothing at all.
                if connection not in begun:
                    connection.close()
            for writer in writers:
                writer.transport.abort()
            await turns()
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
