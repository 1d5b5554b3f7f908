"""A fault of one gateway's link that no close and no error shows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class MuteSubscriptions:
    """Stands before a bus: commands are answered, and subscriptions bring nothing while they are ``mute``."""

    def __init__(self) -> None:
        self.mute = False
        self.port = 0
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def before(self, port: int) -> AsyncIterator[None]:
        """Listen on a port of its own."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
            await self._pass_on(reader, writer, port)

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            try:
                yield
            finally:
                for task in self._connections:
                    task.cancel()
                await asyncio.gather(*self._connections, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        bus_reader, bus_writer = await asyncio.open_connection("127.0.0.1", port)
        subscribed = asyncio.Event()
        try:
            with suppress(OSError):
                await asyncio.gather(
                    self._pump(reader, bus_writer, subscribed, to_bus=True),
                    self._pump(bus_reader, writer, subscribed, to_bus=False),
                )
        finally:
            writer.close()
            bus_writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subscribed: asyncio.Event, *, to_bus: bool
    ) -> None:
        while data := await reader.read(65_536):
            if to_bus and b"SUBSCRIBE" in data:
                subscribed.set()
            if to_bus or not (self.mute and subscribed.is_set()):
                writer.write(data)
                await writer.drain()
        writer.close()
