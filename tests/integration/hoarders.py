"""Clients that make a gateway buffer data for them: they read nothing, or finish no message."""

import select
import socket
import time
import zlib
from collections.abc import Callable, Iterator

from tests.client_frames import CONTINUATION, FIN, PING, RSV1, TEXT, client_frame

_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n"
)
_SMALL = 4096
"""The receive buffer of one client; the kernel doubles it."""
_TURN_S = 0.02
_PART = bytes(60_000)
_ENDED = select.POLLHUP | select.POLLERR | select.POLLRDHUP

Words = Callable[[], Iterator[bytes]]
"""A client's output, piece by piece, sent as fast as it is taken."""


def asks(at_once: int = 1) -> Iterator[bytes]:
    """Wrong messages: a burst, then a few each turn. Each is answered with as many bytes."""
    names = ",".join(f'"{letter * 60}"' for letter in "ABCDEFGHIJ")
    question = client_frame(FIN | TEXT, b'{"type":"subscribe","symbols":[%b]}' % names.encode())
    yield question * 150
    while True:
        yield question * at_once


def floods() -> Iterator[bytes]:
    """The same, as many as are taken."""
    return asks(at_once=200)


def pings() -> Iterator[bytes]:
    """The longest possible pings: each comes back."""
    yield client_frame(FIN | PING, bytes(125)) * 150
    while True:
        yield client_frame(FIN | PING, bytes(125))


def fragments() -> Iterator[bytes]:
    """A message without an end, with pings in it, so that the client counts as alive."""
    yield client_frame(TEXT, _PART) + client_frame(CONTINUATION, _PART) * 3
    while True:
        yield client_frame(FIN | PING)


def half_frame() -> Iterator[bytes]:
    """A frame that stops short of its last byte."""
    yield client_frame(FIN | TEXT, bytes(250_000))[:-1]


def header() -> Iterator[bytes]:
    """A part of a header, byte by byte."""
    for byte in client_frame(FIN | TEXT, bytes(250_000))[:9]:
        yield bytes((byte,))


def compressed() -> Iterator[bytes]:
    """The first half of a compressed message of the longest length allowed."""
    payload = zlib.compress(bytes(range(256)) * 100, 0, wbits=-15)[:15_000]
    yield client_frame(RSV1 | TEXT, payload)


class Hoarder:
    """One such client."""

    def __init__(self, port: int, words: Words) -> None:
        """Connect, and read only the answer to the handshake."""
        self.ended = False
        self._words = words()
        self._unsaid = b""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        self._socket.settimeout(10)
        self._socket.connect(("127.0.0.1", port))
        self._socket.sendall(_HANDSHAKE)
        assert self._socket.recv(12) == b"HTTP/1.1 101"
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, _ENDED)

    def turn(self) -> None:
        """Send what is taken, and check whether the connection was closed."""
        try:
            self._unsaid = self._unsaid or next(self._words, b"")
            if self._unsaid:
                self._unsaid = self._unsaid[self._socket.send(self._unsaid) :]
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True
        self.ended = self.ended or bool(self._poll.poll(0))

    def close(self) -> None:
        self._socket.close()


def hoard(port: int, count: int, kinds: tuple[Words, ...], seconds: float, look: Callable[[], None]) -> int:
    """Run ``count`` hoarders of each kind, for ``seconds`` or until all were closed; call ``look`` often.

    Returns how many were closed.
    """
    hoarders = [Hoarder(port, words) for words in kinds for _ in range(count)]
    until = time.monotonic() + seconds
    while time.monotonic() < until and not all(hoarder.ended for hoarder in hoarders):
        for hoarder in hoarders:
            if not hoarder.ended:
                hoarder.turn()
        look()
        time.sleep(_TURN_S)
    for hoarder in hoarders:
        hoarder.close()
    return sum(hoarder.ended for hoarder in hoarders)
