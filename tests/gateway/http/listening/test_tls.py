"""TLS that a gateway ends itself, on real sockets."""

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from gateway.app import create_app
from gateway.http.listening import tls
from gateway.http.routes import GATEWAY
from gateway.http.server import Serving
from gateway.metrics.counters import Counters
from gateway.settings import Settings
from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.sockets import report_what_waits
from gateway.websocket.writer import Writer
from market.settings.environ import SettingError
from tests.serving import close

BLOB = bytes(8 * 1024)
UNSEEN_BYTES = 512 * 1024
"""The kernel's buffers of both ends, which no server sees, and two blobs."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """One for all tests: a key takes a while to make."""
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> str:
    """A PEM file of certificate and key."""
    path = str(tmp_path / "cert.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    return path


class Pending:
    """In place of a `PendingHandshake`: what happened to it."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.beneath: Any = None
        self.data = bytearray()
        self.reports: list[str] = []
        self.lost = asyncio.Event()
        self.came = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = self.beneath = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.came.set()

    def eof_received(self) -> None:
        pass

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost.set()

    def pause_writing(self) -> None:
        self.reports.append("waits")

    def resume_writing(self) -> None:
        self.reports.append("drained")


@asynccontextmanager
async def served(certificate: str, timeout_s: float = 10) -> AsyncIterator[tuple[int, list[Pending]]]:
    """A port with TLS, and all that has come to it."""
    came: list[Pending] = []

    def accept(_announced: str | None = None) -> Any:
        came.append(Pending())
        return came[-1]

    loop = asyncio.get_running_loop()
    factory = tls.securing(accept, tls.context(certificate, ""), lambda: timeout_s)
    server = await loop.create_server(factory, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        await close(server)


def believing(authority: trustme.CA) -> ssl.SSLContext:
    """A client that believes the authority."""
    made = ssl.create_default_context()
    authority.configure_trust(made)
    return made


async def test_what_follows_the_handshake_comes_in_and_answers_go_out(authority: trustme.CA, certificate: str) -> None:
    """Also what comes in the same packet as the end of the handshake; HTTP/1.1 is agreed on."""
    async with served(certificate) as (port, came):
        client = believing(authority)
        client.set_alpn_protocols(["h2", "http/1.1"])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        writer.write(b"hello")
        (pending,) = came
        await asyncio.wait_for(pending.came.wait(), 10)
        assert pending.data == b"hello"
        pending.transport.write(b"welcome")
        assert await reader.readexactly(7) == b"welcome"
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()
        await asyncio.wait_for(pending.lost.wait(), 10)


async def test_who_does_not_speak_tls_is_cut_off(certificate: str) -> None:
    """Plain HTTP, and who says nothing for too long; each is counted out again."""
    async with served(certificate, timeout_s=0.2) as (port, came):
        for said in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                assert b"HTTP" not in await asyncio.wait_for(reader.read(), 10)
            await asyncio.wait_for(came[-1].lost.wait(), 10)
            writer.close()


async def test_tls_before_1_2_is_refused(certificate: str) -> None:
    """Not for the client's lack of it; 1.2 is served."""
    async with served(certificate) as (port, _):
        for version, served_ in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
            old = ssl.create_default_context()
            old.check_hostname, old.verify_mode = False, ssl.VerifyMode.CERT_NONE
            old.set_ciphers("ALL:@SECLEVEL=0")
            with contextlib.nullcontext() if served_ else pytest.warns(DeprecationWarning, match="TLSv1_1"):
                old.minimum_version = old.maximum_version = version
            opening = asyncio.open_connection("127.0.0.1", port, ssl=old)
            if served_:
                (await opening)[1].close()
            else:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await opening


@pytest.mark.parametrize("before", range(4))
def test_a_client_that_does_not_read_is_seen_as_soon_as_without_tls(
    authority: trustme.CA, certificate: str, before: int
) -> None:
    """Little more than the kernel's own buffers is written for it; once it reads, all comes, and it is drained.

    However many messages it has read before that.
    """

    async def scenario() -> None:
        async with served(certificate) as (port, came):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            client = believing(authority)
            reader, stream = await asyncio.open_connection(sock=sock, ssl=client, server_hostname="127.0.0.1", limit=1)
            stream.write(b"hello")
            (pending,) = came
            await asyncio.wait_for(pending.came.wait(), 10)
            buffers = Buffers(Counters(), Bounds(10, 10, 1 << 30))
            writer = Writer(pending.transport, buffers)
            pending.transport.set_protocol(writer)
            for _ in range(before):
                assert writer.send(b"x")
                assert await reader.readexactly(1) == b"x"
                assert (0, True) == (len(buffers), writer.drained)
            # The client's own event loop would read on.
            stream.transport.pause_reading()  # type: ignore[attr-defined] # a transport that reads
            written = 0
            for _ in range(1000):
                if not writer.send(BLOB):
                    break
                written += len(BLOB)
                await asyncio.sleep(0)
            assert (1, False) == (len(buffers), writer.drained)
            assert written < UNSEEN_BYTES
            stream.transport.resume_reading()  # type: ignore[attr-defined] # as above
            await asyncio.wait_for(reader.readexactly(written), 10)
            async with asyncio.timeout(10):
                while not writer.drained:  # noqa: ASYNC110 - it sets no event
                    await asyncio.sleep(0.01)
            stream.close()

    # The event loop that gateways run on.
    uvloop.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run])
def test_what_the_kernel_takes_at_once_is_never_said_to_wait(authority: trustme.CA, certificate: str, run: Any) -> None:
    """Over TLS as without: an answer that waits for the client to read would else wait for nothing."""

    async def scenario() -> None:
        async with served(certificate) as (port, came):
            reader, stream = await asyncio.open_connection("127.0.0.1", port, ssl=believing(authority))
            stream.write(b"hello")
            (pending,) = came
            await pending.came.wait()
            report_what_waits(pending.transport)
            for _ in range(5):
                pending.transport.write(b"x")
                assert await reader.readexactly(1) == b"x"
            stream.close()
            assert pending.reports == []

    run(asyncio.wait_for(scenario(), 30))


def test_a_certificate_that_cannot_be_used_is_named(certificate: str, tmp_path: Path) -> None:
    """Missing, without its key, or no certificate at all; never with what is in it."""
    text = Path(certificate).read_text(encoding="ascii")
    only = tmp_path / "only.pem"
    only.write_text(text[text.index("-----BEGIN CERTIFICATE") :], encoding="ascii")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense", encoding="ascii")
    for path in (str(only), str(nonsense), str(tmp_path / "missing.pem"), str(tmp_path)):
        with pytest.raises(SettingError, match=r"^GATEWAY_TLS_CERT '.*PEM") as refused:
            tls.context(path, "")
        assert "BEGIN" not in str(refused.value)


async def test_what_metrics_need_of_a_certificate_is_imported_before_clients_come(
    certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first scrape would take tens of milliseconds for it, in which no price is sent."""
    monkeypatch.delitem(sys.modules, "market.metrics.certificate", raising=False)
    serving = Serving(create_app(Settings(bus_url="memory://", tls_cert=certificate)))
    await serving.start()
    try:
        assert "market.metrics.certificate" in sys.modules
    finally:
        await serving.close()


async def test_a_renewed_certificate_is_served_after_a_reload_of_the_settings(
    authority: trustme.CA, certificate: str
) -> None:
    """With the same names of files; one that cannot be used changes nothing."""
    app = create_app(Settings(bus_url="memory://", tls_cert=certificate))
    serving = Serving(app)
    await serving.start()
    try:
        await serving.listen(host="127.0.0.1", port=0)
        port = serving._servers[0].sockets[0].getsockname()[1]
        serials = []
        for change in ("nothing", "renewed", "spoilt"):
            if change == "renewed":
                authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
            elif change == "spoilt":
                await asyncio.to_thread(Path(certificate).write_text, "nonsense", encoding="ascii")
            app[GATEWAY].change(app[GATEWAY].settings)
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=believing(authority))
            serials.append(writer.get_extra_info("peercert")["serialNumber"])
            writer.close()
        first, second, third = serials
        assert first != second == third
    finally:
        await serving.close()
