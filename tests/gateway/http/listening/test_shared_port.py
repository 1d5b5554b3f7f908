"""Leave a port that several processes listen on."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterable

import pytest

from gateway.http.listening import shared_port
from gateway.http.listening.shared_port import leave

EACH = 50
"""Enough that some wait in either queue."""


def listening(port: int = 0) -> socket.socket:
    """One of several sockets at a port."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.listen(2 * EACH)
    return made


class Greeter(asyncio.Protocol):
    """Says who serves."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._name)
        transport.close()


async def test_whoever_waits_in_the_queue_is_served_and_newcomers_are_the_others() -> None:
    """No connection is reset, also not those that nobody had accepted yet."""
    loop = asyncio.get_running_loop()
    first, second = listening(), None
    port = first.getsockname()[1]
    second = listening(port)
    # Nobody accepts on the first one: all its connections wait in its queue.
    leaving = await loop.create_server(lambda: Greeter(b"leaves"), sock=first, start_serving=False)
    staying = await loop.create_server(lambda: Greeter(b"stays"), sock=second)
    waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(EACH)]
    await leave([leaving], lambda: Greeter(b"leaves"))
    later = [socket.create_connection(("127.0.0.1", port)) for _ in range(EACH)]
    served = [await loop.run_in_executor(None, one.recv, 100) for one in waiting]
    assert set(served) == {b"leaves", b"stays"}
    assert {await loop.run_in_executor(None, one.recv, 100) for one in later} == {b"stays"}
    for one in (*waiting, *later):
        one.close()
    staying.close()
    await staying.wait_closed()


async def test_at_most_one_is_lost_however_long_the_close_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes between the last look into the queue and the close, as on a busy machine, comes to the others."""
    loop = asyncio.get_running_loop()
    first = listening()
    port = first.getsockname()[1]
    second = listening(port)
    leaving = await loop.create_server(lambda: Greeter(b"leaves"), sock=first, start_serving=False)
    staying = await loop.create_server(lambda: Greeter(b"stays"), sock=second)
    looks, late = 0, list[socket.socket]()
    really = shared_port._queued

    def queued(sockets: Iterable[socket.socket]) -> list[socket.socket]:
        nonlocal looks
        taken = really(sockets)
        looks += 1
        if looks == 2:
            for _ in range(EACH):
                late.append(one := socket.socket())
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
        return taken

    monkeypatch.setattr(shared_port, "_queued", queued)
    await leave([leaving], lambda: Greeter(b"leaves"))

    async def served_by(one: socket.socket) -> bytes:
        try:
            # The kernel tries again after a second where there was no room.
            return await asyncio.wait_for(loop.sock_recv(one, 100), 20)
        except ConnectionResetError:
            return b""

    served = Counter(await asyncio.gather(*map(served_by, late)))
    assert served[b"stays"] >= EACH - 1
    assert served[b"stays"] + served[b""] == EACH
    for one in late:
        one.close()
    staying.close()
    await staying.wait_closed()


async def test_where_nobody_waits_nothing_happens() -> None:
    """The port is free afterwards."""
    loop = asyncio.get_running_loop()
    first = listening()
    port = first.getsockname()[1]
    server = await loop.create_server(lambda: Greeter(b""), sock=first)
    assert await leave([server], lambda: Greeter(b"")) == []
    await asyncio.sleep(0)
    listening(port).close()
