"""A front that ends TLS, for clients that take nothing else."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trustme

_PIECE = 64 * 1024


@asynccontextmanager
async def tls_front(front: str, folder: Path) -> AsyncIterator[tuple[str, Mapping[str, str]]]:
    """The address of a front before ``front``, and what makes a client in Python believe its certificate."""
    host, _, port = front.rpartition(":")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pass_on(reader, ours), _pass_on(theirs, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        trust = str(folder / "authority.pem")
        yield address, {"SSL_CERT_FILE": trust, "REQUESTS_CA_BUNDLE": trust}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.close()
