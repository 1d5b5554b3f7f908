"""TLS before a Valkey server that speaks none itself, with certificates made for the test."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from trustme import CA, LeafCert

from tests.serving import forward, serving


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
    async with serving(forward(port), host, at, context=context) as front:
        yield front
