"""A server that speaks the Redis protocol and says what a test wants: on real sockets, to real clients."""

import asyncio
from types import TracebackType
from typing import Final, cast

import hiredis

from market.bus.redis.roles.scripts import ACQUIRE, READ, READ_ALL
from tests.serving import close, turns

ANSWERS: Final = {
    b"EVAL": b":1\r\n",
    ACQUIRE: b"$4\r\nwe#1\r\n",
    READ: b"*0\r\n",
    READ_ALL: b"*0\r\n",
    b"SET": b"+OK\r\n",
    b"GETDEL": b"$-1\r\n",
}
"""What a server that is in order says to each command of the bus, or to a script of its own answer."""


class ScriptedRedis:
    """Takes connections on a port of 127.0.0.1. Use it as an async context manager."""

    def __init__(self) -> None:
        self.says: bytes | None = None
        """Said to every command of the bus; None: it is in order."""
        self.rejects = False
        """Whether it ends each connection at its next command, as one that speaks TLS does."""
        self.accepted = 0
        """Connections so far."""
        self.asked = 0
        """Commands of the bus so far."""
        self.connections: set[Connection] = set()
        """Those that neither side has ended."""
        self._listener: asyncio.Server | None = None
        self.url = ""

    async def __aenter__(self) -> "ScriptedRedis":
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}/0"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            await close(self._listener)
        for connection in tuple(self.connections):
            connection.transport.abort()
        await turns()

    def shut(self) -> None:
        """Take no new connection; those there are stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def say(self, answer: bytes) -> None:
        """Send this to everybody."""
        for connection in self.connections:
            connection.transport.write(answer)

    def refuse(self, reason: bytes) -> None:
        """Refuse every command of the bus."""
        self.says = b"-" + reason + b"\r\n"

    def answer(self, words: list[bytes]) -> bytes:
        """What is said to one command."""
        name = words[0].upper()
        if name == b"CLIENT":
            return b"+OK\r\n"
        if name == b"SUBSCRIBE":
            return b"".join(b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(word), word) for word in words[1:])
        self.asked += 1
        return (ANSWERS.get(words[1]) or ANSWERS[name]) if self.says is None else self.says


class Connection(asyncio.Protocol):
    """One client's."""

    transport: asyncio.Transport

    def __init__(self, server: ScriptedRedis) -> None:
        self._server = server
        self._reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._server.accepted += 1
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._server.rejects:
            self.transport.close()
            return
        self._reader.feed(data)
        while (words := self._reader.gets()) is not False:
            self.transport.write(self._server.answer(words))

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
