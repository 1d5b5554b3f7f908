"""A client's socket with TLS."""

import socket
import ssl
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from bench.clients.connection import Connection, tls_context
from bench.servers import certificate

pytestmark = pytest.mark.integration


def test_nothing_is_sent_before_the_handshake_is_done(tmp_path: Path) -> None:
    """With TLS a connection is open only when the server has answered; without it is open at once."""
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(certificate.of_gateway(str(tmp_path))["GATEWAY_TLS_CERT"])
    with ExitStack() as stack:
        left, right = (stack.enter_context(end) for end in socket.socketpair())
        for end in (left, right):
            end.setblocking(False)
        assert Connection(left, ()).is_open
        client = stack.enter_context(tls_context().wrap_socket(left, do_handshake_on_connect=False))
        server = stack.enter_context(there.wrap_socket(right, server_side=True, do_handshake_on_connect=False))
        connection = Connection(client, ())
        turns = 0
        while not connection.is_open:
            turns += 1
            assert turns < 10
            for end in (client, server):
                with suppress(ssl.SSLWantReadError):
                    end.recv_into(bytearray(1))
        assert turns > 1
        client.send(b"x")
        assert server.recv(1) == b"x"
