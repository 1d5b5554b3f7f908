"""Options and queries of a client's socket, and of the listening one."""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from typing import Final

from msgspec import Struct

NOTSENT_LOWAT_BYTES: Final = 16 * 1024
"""Without it the kernel itself buffers megabytes of old prices (tcp(7), TCP_NOTSENT_LOWAT)."""

# Linux, <netinet/tcp.h>; Python names it only on some systems.
_TCP_NOTSENT_LOWAT: Final = 25
_BYTES_AT: Final = 120
"""Where `tcp_info` has `tcpi_bytes_acked` and `tcpi_bytes_received` (Linux 4.1 and later)."""

_INFO: Final = struct.Struct("=120xQ16xII8xQ32xQQ12xI")
"""`tcp_info` up to `tcpi_snd_wnd` (Linux 5.4 and later)."""


class OnTheWay(Struct, frozen=True, gc=False):
    """What the kernel knows of the bytes that were written to a socket."""

    acked: int
    """Those that the next hop's kernel has taken."""
    unacked: int
    """Those that it has not taken yet, sent or not."""
    window: int
    """How many it would take at present."""
    bytes_per_s: int
    """How fast it took the last ones."""
    least_rtt_s: float
    """How far away it is."""


def bind_both(port: int, *, reuse_port: bool = False) -> socket.socket:
    """A TCP socket at ``port`` of every address, IPv6 and IPv4.

    For ``::`` alone event loops take IPv6 only, and the kernel follows `net.ipv6.bindv6only` (ipv6(7)).

    Raises:
        OSError: the port is in use, or the machine has no IPv6.
    """
    bound = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(("::", port))
    except OSError:
        bound.close()
        raise
    return bound


def prepare(transport: asyncio.Transport) -> int:
    """Bound the kernel's buffer. Return the descriptor to write to directly, or -1 if there is none."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None:
        return -1
    try:  # noqa: SIM105 - for each connection; a context manager takes longer than the call
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)
    except OSError:
        # A Unix socket has no such option. To ask each for its family first takes longer.
        pass
    # With TLS, only the transport can write.
    return sock.fileno() if transport.get_extra_info("ssl_object") is None else -1


def report_what_waits(transport: asyncio.Transport) -> None:
    """Let a transport tell its protocol as soon as anything waits in it, and when nothing does."""
    # Over TLS, asyncio and uvloop pause at the limit itself. At 0 they would pause a transport that is empty, and say
    # nothing when it fills; and every other write would say the opposite of the one before.
    transport.set_write_buffer_limits(high=0 if transport.get_extra_info("ssl_object") is None else 1, low=0)


def peer_of(transport: asyncio.BaseTransport) -> str | None:
    """The address at the other end; None on a Unix socket."""
    name = transport.get_extra_info("peername")
    return name[0] if name else None


def descriptor(transport: asyncio.Transport) -> int:
    """The descriptor of a transport's socket, or -1 if there is none any more."""
    sock: socket.socket | None = None if transport.is_closing() else transport.get_extra_info("socket")
    return -1 if sock is None else sock.fileno()


def traffic(transport: asyncio.Transport) -> tuple[int, int]:
    """The bytes that the peer's kernel has acknowledged, and those that came from it; with TLS, its bytes.

    Zeros for a Unix socket, and for one that is closed.
    """
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None:
        return 0, 0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_AT + 16)
        acked, received = struct.unpack_from("=QQ", info, _BYTES_AT)
    except (OSError, struct.error):
        return 0, 0
    return acked, received


def on_the_way(transport: asyncio.Transport) -> OnTheWay | None:
    """What was written to a socket and is under way; None for a Unix socket, and for one that is closed."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
        acked, unsent, least_rtt_us, rate, sent, sent_again, window = _INFO.unpack(info)
    except (OSError, struct.error):
        return None
    return OnTheWay(acked, max(0, sent - sent_again - acked) + unsent, window, rate, least_rtt_us / 1e6)


def has_unread(fd: int) -> bool:
    """Whether bytes wait in the kernel to be read from a socket (tcp(7), FIONREAD)."""
    return bool(int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder))
