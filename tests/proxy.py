"""A TCP proxy whose links fail on command: bytes vanish one way or both, stand still or come late.

What a firewall that forgot a connection does, or a cable: neither end is told anything. Unlike on a real
cable the sender's bytes are acknowledged, by the proxy; so only the programs' own watchdogs can notice.
"""

import asyncio
from types import TracebackType

from tests.serving import close, turns

_CHUNK_BYTES = 65_536


class Way:
    """One direction of every connection."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        """What comes is handed on so much later, and what came in the meantime together with it."""
        self.lost_bytes = 0
        """What has vanished so far."""
        self.lost_ends = 0
        """Connections whose end has not been heard of on the other side."""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._intact = asyncio.Event()
        self._intact.set()

    def cut(self) -> None:
        """Let everything vanish on this way, the end of a connection too."""
        self._intact.clear()

    def freeze(self) -> None:
        """Keep everything that comes on this way, and take no more than the buffers hold."""
        self._flowing.clear()

    def heal(self) -> None:
        """What was kept goes on; what vanished stays lost; ends that were not heard of are heard of now."""
        self.delay_s = 0.0
        self._flowing.set()
        self._intact.set()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection's bytes until its sender ends it."""
        while data := await reader.read(_CHUNK_BYTES):
            await self._flowing.wait()
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self._intact.is_set():
                writer.write(data)
                await writer.drain()
            else:
                self.lost_bytes += len(data)
        self.lost_ends += 1
        try:
            await self._flowing.wait()
            await self._intact.wait()
        finally:
            self.lost_ends -= 1


class Proxy:
    """Stands before a server of 127.0.0.1 on a port of its own. Use it as an async context manager."""

    def __init__(self, server_port: int) -> None:
        self.to_server = Way()
        self.to_client = Way()
        self.dialled = 0
        """Connections so far."""
        self._server_port = server_port
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    async def __aenter__(self) -> "Proxy":
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            await close(self._listener)
        await self.drop()
        await turns()

    @property
    def address(self) -> str:
        """``host:port`` for its clients."""
        return f"127.0.0.1:{self._port}"

    def __len__(self) -> int:
        return len(self._connections)

    def lead_to(self, server_port: int) -> None:
        """Carry new connections to another server; those there are stay where they are."""
        self._server_port = server_port

    def refuse(self) -> None:
        """Take no new connection; those there are stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def accept(self) -> None:
        """Take connections, on the same port as ever. Does nothing if it does."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
            self._port = self._listener.sockets[0].getsockname()[1]

    def retarget(self, server_port: int) -> None:
        """Lead new connections to another server; those there are stay with theirs, as after a failover."""
        self._server_port = server_port

    async def drop(self) -> None:
        """End every connection at once, with a reset to both sides."""
        for writers in self._connections.values():
            for writer in writers:
                writer.transport.abort()
        tasks = tuple(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def heal(self) -> None:
        """End every fault."""
        self.to_server.heal()
        self.to_client.heal()
        await self.accept()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dialled += 1
        task = asyncio.create_task(self._carry(reader, writer))
        self._connections[task] = [writer]
        task.add_done_callback(self._connections.pop)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._connections[task].append(server_writer)
        ways = [
            asyncio.create_task(self.to_server.pump(reader, server_writer)),
            asyncio.create_task(self.to_client.pump(server_reader, writer)),
        ]
        try:
            # Either end of a bus's connection ends it whole; nobody here closes one half.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            server_writer.transport.abort()
