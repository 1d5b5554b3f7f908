"""One stream of events: a socket on which only we speak.

It writes as a WebSocket does (`gateway.websocket.writer`), and is slow by the same rules. But nothing comes back: no
pong shows what the client has read. So the kernel's buffers, here and behind each proxy, are the only bound of what is
on its way. A client that the kernel cannot reach is found by heartbeats that nobody acknowledges.
"""

import asyncio
import math
import socket
from contextlib import suppress
from typing import Any, Final, Protocol

from gateway.events.messages import closing
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.writer import CLOSED, Writer

_MOST_IGNORED: Final = 16 * 1024
"""A client has nothing to say on a stream: so many bytes are thrown away."""

# Linux, <netinet/tcp.h>; Python names it only on some systems.
_TCP_USER_TIMEOUT: Final = 18


class Listener(Protocol):
    """Who holds a stream."""

    def connection_lost(self) -> None:
        """The last call for this stream."""


class EventStream(Writer):
    """A client's socket, behind the request for events."""

    __slots__ = ("__weakref__", "_ignored", "client", "encoding", "listener", "rtt_s", "watched")

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
        self._ignored = 0
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError):  # a Unix socket has no such option
                sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(unreachable_s * 1000))

    def enqueue(self, blob: bytes) -> None:
        """Write ``blob`` behind what waits; end the stream with 4408 if too much waits."""
        if not (self.send(blob) or self._queue(blob, answer=False)):
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
