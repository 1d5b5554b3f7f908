"""A Sentinel that says what a test wants: on real sockets, to real clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import hiredis

from tests.serving import close, turns


class ScriptedSentinel:
    """Takes connections on a port of 127.0.0.1. `scripted` starts it."""

    def __init__(self) -> None:
        self.primary: tuple[str, int] | None = ("127.0.0.1", 7000)
        """The address that it names; None: it does not know the primary."""
        self.epoch = 0
        self.refuses: dict[bytes, bytes] = {}
        """What it says to a command that it refuses."""
        self.silent = False
        """Whether it answers nothing."""
        self.rejects = False
        """Whether it ends each connection at its next command, as one that speaks TLS does."""
        self.says: bytes | None = None
        """Said in place of the primary's address."""
        self.asked = 0
        """Questions for the primary so far."""
        self.subscribed = 0
        self.connections: set[Connection] = set()
        self.port = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def announce(self, master: str = "mymaster") -> None:
        """Say to everybody that there is a new primary."""
        text = f"{master} 127.0.0.1 1 127.0.0.1 2".encode()
        for connection in self.connections:
            connection.transport.write(
                b">3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$%d\r\n%b\r\n" % (len(text), text)
            )

    def drop(self) -> None:
        """End every connection."""
        for connection in tuple(self.connections):
            connection.transport.abort()

    def answer(self, words: list[bytes]) -> bytes:
        """What it says to one command."""
        name = b" ".join(words[:2] if words[0] == b"SENTINEL" else words[:1]).upper()
        if self.silent:
            return b""
        if name in self.refuses:
            return b"-%b\r\n" % self.refuses[name]
        match name:
            case b"HELLO":
                return b"%1\r\n$5\r\nproto\r\n:3\r\n"
            case b"SUBSCRIBE":
                self.subscribed += 1
                return b">3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(words[1]), words[1])
            case b"SENTINEL MASTER":
                if self.primary is None:
                    return b"-ERR No such master with that name\r\n"
                epoch = b"%d" % self.epoch
                return b"%%1\r\n$12\r\nconfig-epoch\r\n$%d\r\n%b\r\n" % (len(epoch), epoch)
            case b"SENTINEL GET-MASTER-ADDR-BY-NAME":
                self.asked += 1
                if self.says is not None:
                    return self.says
                if self.primary is None:
                    return b"_\r\n"
                host, port = self.primary[0].encode(), b"%d" % self.primary[1]
                return b"*2\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(host), host, len(port), port)
        return b"+OK\r\n"


class Connection(asyncio.Protocol):
    """One client's."""

    transport: asyncio.Transport

    def __init__(self, sentinel: ScriptedSentinel) -> None:
        self._sentinel = sentinel
        self._reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._sentinel.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._sentinel.rejects:
            self.transport.close()
            return
        self._reader.feed(data)
        while (words := self._reader.gets()) is not False:
            self.transport.write(self._sentinel.answer(words))

    def connection_lost(self, error: Exception | None) -> None:
        self._sentinel.connections.discard(self)


@asynccontextmanager
async def scripted(count: int = 3) -> AsyncIterator[list[ScriptedSentinel]]:
    """So many Sentinels for the length of a ``with`` block. They name no server that is there."""
    sentinels = [ScriptedSentinel() for _ in range(count)]
    listeners = []
    try:
        for sentinel in sentinels:
            listener = await asyncio.get_running_loop().create_server(
                lambda its=sentinel: Connection(its),  # type: ignore[misc] # the type of a default is not inferred
                "127.0.0.1",
                0,
            )
            listeners.append(listener)
            sentinel.port = listener.sockets[0].getsockname()[1]
        yield sentinels
    finally:
        for listener in listeners:
            await close(listener)
        for sentinel in sentinels:
            sentinel.drop()
        await turns()


def url_of(sentinels: list[ScriptedSentinel], options: str = "", *, scheme: str = "redis+sentinel") -> str:
    """The URL that names them."""
    return f"{scheme}://{','.join(its.place for its in sentinels)}/mymaster/0{options}"
