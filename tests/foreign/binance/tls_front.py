"""A front that ends TLS, for clients that take nothing else."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trustme

from tests.serving import forward, serving


@asynccontextmanager
async def tls_front(front: str, folder: Path) -> AsyncIterator[tuple[str, Mapping[str, str]]]:
    """The address of a front before ``front``, and what makes a client in Python believe its certificate."""
    host, _, port = front.rpartition(":")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async with serving(forward(int(port), host), context=context) as served:
        trust = str(folder / "authority.pem")
        yield f"127.0.0.1:{served}", {"SSL_CERT_FILE": trust, "REQUESTS_CA_BUNDLE": trust}
