"""The kernel's side of a client's socket."""

import asyncio
import socket
from typing import Any

import pytest

from gateway.websocket.sockets import NOTSENT_LOWAT_BYTES, bind_both, on_the_way, prepare, traffic

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


def test_the_kernel_has_counted_what_went_and_came() -> None:
    """Bytes that the other end has acknowledged, and bytes that came from it, whether they were read or not."""
    with bind_both(0) as listener:
        listener.listen()
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=10) as client:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"x" * 1000)
                client.sendall(b"y" * 70)
                assert 1000 == len(client.recv(1000, socket.MSG_WAITALL))
                sock.recv(1)
                # A second exchange brings the acknowledgement of the first.
                client.sendall(b"y" * 7)
                sock.recv(76, socket.MSG_WAITALL)
                assert (1000, 77) == traffic(SocketTransport(sock))
            assert (0, 0) == traffic(SocketTransport(sock))


def test_what_the_kernel_does_not_count() -> None:
    """A Unix socket, and a transport without a socket, have zeros."""
    with socket.socket(socket.AF_UNIX) as unix:
        assert [(0, 0)] * 2 == [traffic(SocketTransport(unix)), traffic(SocketTransport(None))]


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


def test_the_kernel_knows_what_the_other_end_has_not_read() -> None:
    """It would take so much less, until that is read and something more is acknowledged."""
    with bind_both(0) as listener:
        listener.listen()
        with socket.socket() as client:
            # Else the kernel makes the buffer larger where it likes, and the other end takes more and not less.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 150_000)
            client.settimeout(10)
            client.connect(("127.0.0.1", listener.getsockname()[1]))
            sock, _ = listener.accept()
            with sock:

                def exchange(*, read: bool) -> int:
                    """One message each way; what the other end would take behind it."""
                    sock.sendall(b"x" * 4000)
                    if read:
                        client.recv(1_000_000)
                    while (way := on_the_way(SocketTransport(sock))) is not None and way.unacked:
                        client.sendall(b"y")
                        sock.recv(1)
                    assert way is not None
                    return way.window

                # So much goes through until the window is as large as that buffer allows.
                most = max(exchange(read=True) for _ in range(20))
                left = [exchange(read=False) for _ in range(20)]
                assert most - left[-1] >= 40_000
                client.recv(1_000_000)
                assert exchange(read=True) > left[-1] + 40_000
    assert on_the_way(SocketTransport(None)) is None
    with socket.socket(socket.AF_UNIX) as unix:
        assert on_the_way(SocketTransport(unix)) is None
