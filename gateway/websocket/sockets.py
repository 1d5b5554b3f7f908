"""What the kernel is asked of a client's socket, and of the one that listens."""

import asyncio
import fcntl
import socket
import sys
import termios
from typing import Final

NOTSENT_LOWAT_BYTES: Final = 16 * 1024
"""Without it the kernel itself hoards megabytes of old prices (tcp(7), TCP_NOTSENT_LOWAT)."""

# Linux, <netinet/tcp.h>; Python names it only on some systems.
_TCP_NOTSENT_LOWAT: Final = 25


def bind_both(port: int) -> socket.socket:
    """A TCP socket at ``port`` of every address, IPv6 and IPv4.

    Of ``::`` alone, event loops take IPv6 only, and the kernel what `net.ipv6.bindv6only` says (ipv6(7)).

    Raises:
        OSError: the port is in use, or the machine has no IPv6.
    """
    bound = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(("::", port))
    except OSError:
        bound.close()
        raise
    return bound


def prepare(transport: asyncio.Transport) -> int:
    """Keep the kernel from hoarding; the descriptor that may be written to past ``transport``, or -1 for none."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None:
        return -1
    try:  # noqa: SIM105 - of each connection, and a context takes longer than the rest of this
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)
    except OSError:
        # A Unix socket has no such option. Asking each for its family first takes longer.
        pass
    # TLS is the transport's to speak.
    return sock.fileno() if transport.get_extra_info("ssl_object") is None else -1


def has_unread(fd: int) -> bool:
    """Whether bytes wait in the kernel to be read from a socket (tcp(7), FIONREAD)."""
    return bool(int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder))
