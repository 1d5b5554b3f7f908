"""TLS before a Valkey server that speaks none itself, with certificates made for the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from trustme import CA, LeafCert


class Certificates:
    """An authority and what it signed, as PEM files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.ca = CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.certfile, self.keyfile, self.both = (folder / name for name in ("own.pem", "own.key", "both.pem"))
        own = self.ca.issue_cert("gateway@example.org")
        own.cert_chain_pems[0].write_to_path(str(self.certfile))
        own.private_key_pem.write_to_path(str(self.keyfile))
        own.private_key_and_cert_chain_pem.write_to_path(str(self.both))


@asynccontextmanager
async def tls_front(
    port: int, certificate: LeafCert, *, clients_of: CA | None = None, host: str = "127.0.0.1", at: int = 0
) -> AsyncIterator[int]:
    """A port, ``at`` or any, that speaks TLS and hands on to ``port``; clients may need a certificate of a CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if clients_of is not None:
        clients_of.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    pumps: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        for way in ((reader, behind_writer), (behind_reader, writer)):
            task = asyncio.create_task(carry(*way))
            pumps.add(task)
            task.add_done_callback(pumps.discard)

    server = await asyncio.start_server(serve, host, at, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if pumps:
            await asyncio.wait(pumps)
