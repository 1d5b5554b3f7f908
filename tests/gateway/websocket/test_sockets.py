"""The kernel's side of a client's socket."""

import asyncio
import socket
from typing import Any

import pytest

from gateway.websocket.sockets import NOTSENT_LOWAT_BYTES, bind_both, prepare

TCP_NOTSENT_LOWAT = 25
"""Linux, <netinet/tcp.h>."""


class SocketTransport(asyncio.Transport):
    """Knows its socket, and whether it speaks TLS."""

    def __init__(self, sock: socket.socket | None, *, tls: bool = False) -> None:
        super().__init__({"socket": sock, "ssl_object": object() if tls else None})


@pytest.fixture
def tcp() -> Any:
    """Open a TCP socket."""
    with socket.socket() as sock:
        yield sock


def test_the_kernel_may_hoard_little(tcp: socket.socket) -> None:
    """A TCP socket is told how little unsent data it may keep, and may be written to directly."""
    assert tcp.fileno() == prepare(SocketTransport(tcp))
    assert NOTSENT_LOWAT_BYTES == tcp.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)


def test_tls_is_left_to_the_transport(tcp: socket.socket) -> None:
    """Encrypted data always go through the transport."""
    assert -1 == prepare(SocketTransport(tcp, tls=True))
    assert NOTSENT_LOWAT_BYTES == tcp.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)


def test_a_socket_of_another_kind_will_do() -> None:
    """A Unix socket has no such option, a transport need not have a socket: neither is an error."""
    assert -1 == prepare(SocketTransport(None))
    with socket.socket(socket.AF_UNIX) as unix:
        assert unix.fileno() == prepare(SocketTransport(unix))


def test_every_address_is_of_both_families() -> None:
    """A client of IPv4 and one of IPv6 reach one socket, whatever the machine takes `::` for."""
    with bind_both(0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), timeout=10):
                pass
        with pytest.raises(OSError, match=r"in use"):
            bind_both(port)
