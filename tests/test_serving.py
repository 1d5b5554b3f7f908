"""A server that ends leaves nobody connected."""

import asyncio

import pytest

from tests.serving import close, serving


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say one word again, and no more; the connection stays."""
    writer.write(await reader.read(100))


async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Return when the other end has closed the connection."""
    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        pass
    finally:
        writer.close()


@pytest.mark.parametrize("said", [b"", b"hello"])
async def test_who_is_served_or_was_is_cut_off(said: bytes) -> None:
    """Also one whose handler has left the connection open."""
    async with serving(echo) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if said:
            writer.write(said)
            assert await reader.readexactly(len(said)) == said
    await ended(reader, writer)


async def test_who_is_just_being_taken_is_cut_off() -> None:
    """In whatever turn of the loop it is."""
    for turns in range(6):
        async with serving(echo) as port:
            connecting = asyncio.create_task(asyncio.open_connection("127.0.0.1", port))
            for _ in range(turns):
                await asyncio.sleep(0)
        try:
            await ended(*await connecting)
        except ConnectionError:
            continue


async def test_a_client_that_goes_away_is_no_error() -> None:
    """Its handler ends, and others are served."""

    async def insist(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(3) != b"bye":
            return
        gone.set()
        while True:
            writer.write(b"more" * 10_000)
            await writer.drain()

    gone = asyncio.Event()
    async with serving(insist) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"bye")
        await gone.wait()
        writer.transport.abort()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"...")
        await writer.drain()
    await ended(reader, writer)


async def test_an_error_of_a_handler_is_raised() -> None:
    """A test whose server fails does not pass."""

    async def fail(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        said = await reader.read(100)
        came.set()
        assert said == b"expected"

    came = asyncio.Event()

    async def ask() -> None:
        async with serving(fail) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello")
            await came.wait()
            writer.close()

    with pytest.raises(AssertionError):
        await ask()


async def test_a_server_that_is_closed_has_everybody_whom_it_was_taking() -> None:
    """In whatever turn of the loop: its owner can end them all."""

    class Taken(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken.append(transport)

    taken: list[asyncio.BaseTransport] = []
    loop = asyncio.get_running_loop()
    for turns in range(6):
        server = await loop.create_server(Taken, "127.0.0.1", 0)
        connecting = asyncio.create_task(asyncio.open_connection(*server.sockets[0].getsockname()))
        for _ in range(turns):
            await asyncio.sleep(0)
        await close(server)
        for transport in taken:
            transport.close()
        try:
            await ended(*await connecting)
        except ConnectionError:
            continue
