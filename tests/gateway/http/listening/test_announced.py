"""Connections that a balancer announces, on real sockets, by both versions of the PROXY protocol."""

import asyncio
import logging
import struct

import pytest

from gateway.admission.address import TrustedProxies
from gateway.http.listening.announced import Announcements
from gateway.metrics.counters import Counters
from tests.serving import close

VERSION_1 = b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n"
VERSION_2 = (
    b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x21, 0x11, 12) + bytes((192, 0, 2, 7, 10, 0, 0, 1, 1, 2, 3, 4))
)
LOCAL = b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x20, 0, 0)


class Told(asyncio.Protocol):
    """Answers with whom it was told, and what came."""

    def __init__(self, announced: str | None) -> None:
        self.announced = announced

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who it is."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(f"{self.announced}:".encode())

    def data_received(self, data: bytes) -> None:
        """Repeat it, up to a full stop."""
        self.transport.write(data)
        if data.endswith(b"."):
            self.transport.close()


class Served:
    """A port whose connections are announced, if they are of 127.0.0.1."""

    def __init__(self, timeout_s: float = 10) -> None:
        self.counters = Counters()
        self.trusted = TrustedProxies.parse("127.0.0.1", name="GATEWAY_ACCEPT_PROXY")
        self.timeout_s = timeout_s

    async def __aenter__(self) -> "Served":
        loop = asyncio.get_running_loop()
        factory = Announcements(Told, self.trusted.trusts, self.counters, lambda: self.timeout_s)
        self.server = await loop.create_server(factory, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await close(self.server)

    async def says(self, *pieces: bytes, source: str = "127.0.0.1") -> bytes:
        """What a connection that sends ``pieces`` hears."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(10):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.mark.parametrize("header", [VERSION_1, VERSION_2])
async def test_the_client_is_whom_the_balancer_names(header: bytes) -> None:
    """The header is read in one piece or in many, and what follows is the client's."""
    async with Served() as served:
        assert b"192.0.2.7:hello." == await served.says(header + b"hello.")
        assert b"192.0.2.7:hello." == await served.says(*(header[at : at + 1] for at in range(len(header))), b"hello.")
        assert {} == served.counters.connections_refused


async def test_a_balancer_speaks_for_itself_when_it_checks() -> None:
    """Its health check has a header without a client: the connection is its own."""
    async with Served() as served:
        assert b"None:." == await served.says(LOCAL + b".")


async def test_nobody_else_is_believed() -> None:
    """To a connection of another address, a PROXY header is what it has sent."""
    async with Served() as served:
        assert b"None:" + VERSION_1 + b"." == await served.says(VERSION_1 + b".", source="127.0.0.9")


@pytest.mark.parametrize("timeout_s", [0.05])
async def test_without_a_header_it_is_cut_off_and_told_in_the_log(
    timeout_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    """A balancer that sends none, or a wrong one, is counted each time and logged once, with what to change."""
    async with Served(timeout_s) as served:
        with caplog.at_level(logging.WARNING):
            for data in (b"GET / HTTP/1.1\r\n\r\n", b"PROXY nonsense\r\n", b"PROX"):
                assert b"" == await served.says(data)
        assert {"proxy_header": 3} == served.counters.connections_refused
        (line,) = caplog.messages
        assert "does not begin with a PROXY header" in line
        assert "GATEWAY_ACCEPT_PROXY" in line
