"""One client of a bench: its socket, with or without TLS, and what it keeps."""

import fcntl
import socket
import ssl
import sys
import termios

from bench.clients.wire import Stream


def tls_context() -> ssl.SSLContext:
    """TLS as clients speak it, but for the check of the certificate: that is the load's work, not the gateway's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Connection:
    """One client."""

    __slots__ = ("asked", "capture", "capture_skip", "failed", "recv_into", "snapshots", "sock", "stream", "wanted")

    def __init__(self, sock: socket.socket, wanted: tuple[str, ...]) -> None:
        self.sock = sock
        self.recv_into = sock.recv_into
        self.wanted = wanted
        self.asked = False
        """Whether it has sent the request for the upgrade."""
        self.stream: Stream | None = None
        """None until the answer to the upgrade."""
        self.failed = ""
        self.snapshots: list[bytes] = []
        self.capture: bytearray | None = None
        """Every byte since `keep`, the first ``capture_skip`` of them the end of a frame that began before."""
        self.capture_skip = 0

    def keep(self) -> None:
        """Keep all further bytes."""
        if self.stream is not None:
            self.capture = bytearray(self.stream.carry)
            self.capture_skip = self.stream.skip

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent: with TLS, after its handshake."""
        return not isinstance(self.sock, ssl.SSLSocket) or self.sock.version() is not None

    @property
    def unread_bytes(self) -> int:
        """The bytes in the kernel's receive buffer."""
        return int.from_bytes(fcntl.ioctl(self.sock, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)
