"""A forward proxy on loopback: it tunnels for CONNECT, and passes plain requests on, to where a test says."""

import asyncio
import base64
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import urlsplit

from tests.serving import close, turns

_CHUNK_BYTES = 65_536


class ForwardProxy:
    """Use it as an async context manager. Names need not exist: ``routes`` says which port of 127.0.0.1 each means."""

    def __init__(self, routes: Mapping[str, int], *, user: str = "", password: str = "", status: int = 200) -> None:
        """``routes`` maps ``host:port`` to a port; with ``user`` who asks must say both; not 200 refuses everybody."""
        self.asked: list[str] = []
        """The request line of everybody who was let in, without the version."""
        self.heads: list[bytes] = []
        """The header of every request."""
        self._routes = routes
        self._status = status
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._wanted = f"Proxy-Authorization: Basic {pair}".encode().lower() if user else b""
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "ForwardProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await close(self._server)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await turns()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        method, target, _ = head.partition(b"\r\n")[0].decode().split(" ")
        tunnel = method == "CONNECT"
        parts = urlsplit(f"//{target}" if tunnel else target)
        where = f"{parts.hostname}:{parts.port or 80}"
        status = 407 if self._wanted not in head.lower() else self._status if where in self._routes else 502
        if status != 200:
            writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        self.asked.append(f"{method} {where}")
        there, out = await asyncio.open_connection("127.0.0.1", self._routes[where])
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                out.write(f"{method} {path} HTTP/1.1\r\n".encode() + head.partition(b"\r\n")[2])
            ways = [asyncio.ensure_future(_pump(reader, out)), asyncio.ensure_future(_pump(there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            out.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
