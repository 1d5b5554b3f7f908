"""Leave a port that several processes listen on."""

import asyncio
import socket

from gateway.http.shared_port import leave

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


async def test_where_nobody_waits_nothing_happens() -> None:
    """The port is free afterwards."""
    loop = asyncio.get_running_loop()
    first = listening()
    port = first.getsockname()[1]
    server = await loop.create_server(lambda: Greeter(b""), sock=first)
    assert await leave([server], lambda: Greeter(b"")) == []
    await asyncio.sleep(0)
    listening(port).close()
