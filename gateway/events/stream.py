"""One stream of events: a socket on which only we speak.

It writes as a WebSocket does (`gateway.websocket.writer`), and is slow by the same rules. But nothing comes back: no
pong shows what the client has read. The kernel at the next hop shows it (`gateway.events.unread`). Behind a proxy that
is the proxy's, so its buffers and those behind it are the only bound of what is on its way. A client that the kernel
cannot reach is found by heartbeats that nobody acknowledges.
"""

import asyncio
import math
import socket
from contextlib import suppress
from typing import Any, Final, Protocol

from gateway.events.messages import closing
from gateway.events.unread import Unread
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.sockets import OnTheWay, on_the_way
from gateway.websocket.writer import CLOSED, Writer

_MOST_IGNORED: Final = 16 * 1024
"""A client has nothing to say on a stream: so many bytes are thrown away."""

_LOOK_BYTES: Final = 8 * 1024
"""The kernel is asked each time so much was written."""

_COMMENT: Final = b":\n"
"""Nothing to a client (HTML, section 9.2.6); its kernel acknowledges it, and says by that what was read meanwhile."""
_ASKED_EVERY_S: Final = 0.25

# Linux, <netinet/tcp.h>; Python names it only on some systems.
_TCP_USER_TIMEOUT: Final = 18


class Listener(Protocol):
    """Who holds a stream."""

    def connection_lost(self) -> None:
        """The last call for this stream."""


class EventStream(Writer):
    """A client's socket, behind the request for events."""

    __slots__ = (
        "__weakref__",
        "_asked_at",
        "_ignored",
        "_unlooked",
        "_unread",
        "client",
        "code",
        "encoding",
        "listener",
        "rtt_s",
        "watched",
    )  # fmt: skip

    has_unread = False
    """See `gateway.fanout.cohorts.member.Member`; nothing that comes is waited for."""

    def __init__(
        self,
        client: str,
        transport: asyncio.Transport,
        encoding: Any,
        buffers: Buffers,
        listener: Listener,
        unreachable_s: float,
    ) -> None:
        """A peer whose kernel acknowledges nothing for ``unreachable_s`` is gone (tcp(7), TCP_USER_TIMEOUT)."""
        super().__init__(transport, buffers)
        self.client = client
        self.encoding = encoding
        """How messages are written for this client."""
        self.listener = listener
        self.rtt_s = math.inf
        """Never known: there are no pings."""
        self.watched = False
        self.code = 0
        """That of the reason that was told; 0 before, and if none was."""
        self._ignored = 0
        self._unread = Unread()
        self._unlooked = 0
        """Bytes written since the kernel was asked how much is unread."""
        self._asked_at = 0.0
        """When a comment was last written to hear how much is unread."""
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError):  # a Unix socket has no such option
                sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(unreachable_s * 1000))

    @property
    def drained(self) -> bool:
        """Whether the kernel has taken everything that was written, and the client has read nearly all of it."""
        return super().drained and not self._reads_late()

    def send(self, blob: bytes) -> bool:
        """See `Writer.send`; False also if the client has much to read before it."""
        if self._unlooked > _LOOK_BYTES and self._reads_late():
            return False
        self._unlooked += len(blob)
        return super().send(blob)

    @property
    def way(self) -> OnTheWay | None:
        """See `gateway.websocket.sockets.on_the_way`."""
        return on_the_way(self._transport)

    def _reads_late(self) -> bool:
        unread = self._unread
        if self._unlooked <= _LOOK_BYTES and not unread.is_much:
            return False
        self._unlooked = 0
        way = self.way
        if way is None:
            return False
        now = asyncio.get_running_loop().time()
        unread.look(way, now)
        if unread.is_much and not way.unacked and now - self._asked_at >= _ASKED_EVERY_S:
            self._asked_at = now
            super().send(_COMMENT)
        return unread.is_much

    def enqueue(self, blob: bytes) -> None:
        """Write ``blob`` behind what waits; end the stream with 4408 if too much waits."""
        if not (super().send(blob) or self._queue(blob, answer=False)):
            self.close(CloseReason.TOO_SLOW)

    def close(self, reason: CloseReason) -> None:
        """End the stream with an event that says why. Only the first reason counts."""
        if self.closing:
            return
        self._buffers.counters.closed[reason.name] += 1
        self._transport.write(closing(reason))
        self.closing = True
        self._choose_way()
        self.code, self.end = reason.code, f"{CLOSED} {reason.code} {reason.reason}"
        # What waits is still written; who does not read it is cut off (`Buffers`).
        self._transport.close()

    # Called by the event loop.

    def data_received(self, data: bytes) -> None:
        """Throw away what nobody asked for."""
        self._ignored += len(data)
        if self._ignored > _MOST_IGNORED:
            self.abort("sends on a stream of events")

    def connection_lost(self, _error: Exception | None) -> None:
        """The socket is gone."""
        # Anybody who still holds this object, such as a drain, must not write to it.
        self.closing = True
        # The descriptor is closed after this call. Its number may then be another client's.
        self._fd = self._direct_fd = -1
        self._buffers.forget(self)
        self.listener.connection_lost()
        # They refer to each other: otherwise only the garbage collector would free them.
        del self.listener
