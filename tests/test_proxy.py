"""The proxy fails as it is told to: otherwise no test of a broken link means much."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.proxy import Proxy
from tests.serving import serving
from tests.waiting import until


class Echo:
    """A server that keeps what it hears, and says it again."""

    def __init__(self) -> None:
        self.received = b""
        self.connections = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError):
            while data := await reader.read(4096):
                self.received += data
                writer.write(data)
        self.connections -= 1
        writer.close()


@pytest.fixture
def echo() -> Echo:
    """What the server has heard."""
    return Echo()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    """A proxy before the server, without faults."""
    async with serving(echo.talk) as port:
        async with Proxy(port) as proxy:
            yield proxy
        await until(lambda: echo.connections == 0)


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client of the proxy that has heard its first word again."""
    reader, writer = await _connect(proxy)
    writer.write(b"hello ")
    assert b"hello " == await _read(reader, 6)
    yield reader, writer
    writer.transport.abort()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connect(proxy: Proxy) -> Streams:
    host, _, port = proxy.address.partition(":")
    return await asyncio.open_connection(host, int(port))


async def _read(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readexactly(size)


async def test_what_vanishes_on_the_way_to_the_server_is_never_heard(proxy: Proxy, client: Streams, echo: Echo) -> None:
    """Neither end notices; after the healing only what is new arrives."""
    reader, writer = client
    proxy.to_server.cut()
    writer.write(b"lost ")
    await until(lambda: proxy.to_server.lost_bytes == 5)
    assert b"hello " == echo.received
    await proxy.heal()
    writer.write(b"found ")
    assert b"found " == await _read(reader, 6)


async def test_one_way_is_cut_and_the_other_is_not(proxy: Proxy, client: Streams, echo: Echo) -> None:
    """What goes to the server arrives, and its answer does not."""
    reader, writer = client
    proxy.to_client.cut()
    writer.write(b"heard ")
    await until(lambda: echo.received == b"hello heard ")
    await until(lambda: proxy.to_client.lost_bytes == 6)
    await proxy.heal()
    writer.write(b"answered ")
    assert b"answered " == await _read(reader, 9)


async def test_what_stands_still_arrives_later(proxy: Proxy, client: Streams, echo: Echo) -> None:
    """Nothing is lost of what was kept."""
    reader, writer = client
    proxy.to_client.freeze()
    writer.write(b"slow ")
    await until(lambda: echo.received == b"hello slow ")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read(1)
    await proxy.heal()
    assert b"slow " == await _read(reader, 5)


async def test_late_bytes_come_late_and_in_order(proxy: Proxy, client: Streams) -> None:
    """A delay holds for each way by itself."""
    reader, writer = client
    proxy.to_server.delay_s = 0.1
    began = asyncio.get_running_loop().time()
    writer.write(b"one ")
    writer.write(b"two ")
    assert b"one two " == await _read(reader, 8)
    assert asyncio.get_running_loop().time() - began >= 0.1


async def test_the_end_of_a_connection_vanishes_too(proxy: Proxy, client: Streams, echo: Echo) -> None:
    """A server on the other side of a cut does not hear that its client has gone, until the cut is healed."""
    _, writer = client
    proxy.to_server.cut()
    writer.close()
    await writer.wait_closed()
    await until(lambda: proxy.to_server.lost_ends == 1)
    assert 1 == echo.connections
    await proxy.heal()
    await until(lambda: echo.connections == 0)


async def test_refusing_and_dropping(proxy: Proxy, client: Streams) -> None:
    """Who refuses takes nobody new and keeps whom it has; who drops ends those too; the port stays the same."""
    reader, writer = client
    proxy.refuse()
    await asyncio.sleep(0)  # the socket is closed in the loop's next turn
    with pytest.raises(ConnectionRefusedError):
        await _connect(proxy)
    writer.write(b"still ")
    assert b"still " == await _read(reader, 6)
    await proxy.drop()
    assert 0 == len(proxy)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await _read(reader, 1)
    await proxy.heal()
    reader, writer = await _connect(proxy)
    writer.write(b"again ")
    assert b"again " == await _read(reader, 6)
    writer.close()
