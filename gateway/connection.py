"""One socket: it writes, or it says that it lags. It never waits.

aiohttp does the handshake, reads, and the closing handshake. Every frame in between is ours and goes
straight to the transport.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from gateway.closing import Closing
from gateway.frames import PING, PONG, Encoding, frame
from gateway.metrics import Counters

LAG_MARK_BYTES: Final = 16 * 1024
"""Above this in the transport's buffer a connection is lagging; the kernel has refused that much already."""

QUEUE_LIMIT_BYTES: Final = 1024 * 1024
"""What may wait for a client that asked for every tick, and for the replies of any client."""

NOTSENT_LOWAT_BYTES: Final = 16 * 1024
"""Without it the kernel itself hoards megabytes of old prices (tcp(7), TCP_NOTSENT_LOWAT)."""

# Linux, <netinet/tcp.h>; Python names it only on some systems.
_TCP_NOTSENT_LOWAT: Final = 25

_PING_FRAME: Final = frame(PING, b"")

logger = logging.getLogger(__name__)


class Connection:
    """A client's socket, after the handshake."""

    __slots__ = (
        "_close", "_counters", "_transport", "abort_reason", "client", "closing", "encoding", "heard", "pinged",
    )  # fmt: skip

    def __init__(
        self,
        client: str,
        transport: asyncio.Transport,
        encoding: Encoding,
        counters: Counters,
        close: Callable[[Closing], None],
    ) -> None:
        """``close`` starts the closing handshake, and returns at once."""
        self.client = client
        self.encoding: Encoding = encoding
        self._transport = transport
        self._counters = counters
        self._close = close
        self.closing: Closing | None = None
        """Why this gateway is closing it, once it is."""
        self.abort_reason = ""
        """Why it was cut off, where it was."""
        self.heard = True
        """Whether anything came from the client since the heartbeat last looked."""
        self.pinged = False
        """Whether the heartbeat is waiting for an answer."""
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)

    @property
    def drained(self) -> bool:
        """Whether the kernel has taken everything that was written."""
        return self._transport.get_write_buffer_size() == 0

    def send(self, blob: bytes) -> bool:
        """Write ``blob`` and return True, or write nothing and return False: the socket is not draining."""
        transport = self._transport
        if transport.get_write_buffer_size() > LAG_MARK_BYTES:
            return False
        if self.closing is None:
            transport.write(blob)
        return True

    def enqueue(self, blob: bytes) -> None:
        """Write ``blob`` behind whatever is waiting; close with 4408 when too much is."""
        if self.closing is not None:
            return
        transport = self._transport
        if transport.get_write_buffer_size() > QUEUE_LIMIT_BYTES:
            self.close(Closing.TOO_SLOW)
        else:
            transport.write(blob)

    def reply(self, frames: bytes) -> None:
        """Write an answer or a notice, lagging or not; cut off a client that lets too many of them wait."""
        if self.closing is not None:
            return
        if self._transport.get_write_buffer_size() > QUEUE_LIMIT_BYTES:
            self.abort("does not read its replies")
        else:
            self._transport.write(frames)

    def ping(self) -> None:
        """Ask for a sign of life (RFC 6455, section 5.5.2)."""
        self.pinged = True
        self.reply(_PING_FRAME)

    def pong(self, payload: bytes) -> None:
        """Answer a ping (RFC 6455, section 5.5.3)."""
        self.reply(frame(PONG, payload))

    def close(self, closing: Closing) -> None:
        """Start the closing handshake; nothing is written after it. Only the first reason counts."""
        if self.closing is None:
            self.closing = closing
            self._counters.closed[closing.name] += 1
            self._close(closing)

    def abort(self, reason: str) -> None:
        """Cut off at once, without a word: whoever does not read would not read a close frame either."""
        if not self.abort_reason:
            self.abort_reason = reason
            self._counters.aborted += 1
            logger.info("client %s cut off: %s", self.client, reason)
        self._transport.abort()
