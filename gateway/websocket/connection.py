"""One socket: it writes (`gateway.websocket.writer`), and tells a listener what comes in. It never waits.

After the handshake a connection is its transport's protocol, and every frame in and out is ours.
"""

import asyncio
import logging
import math
from typing import Any, Final, Protocol

from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.close_codes import Closing
from gateway.websocket.closing_handshake import Farewell
from gateway.websocket.framing.frames import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame
from gateway.websocket.framing.parser import REFUSED, Admission, Fault, FrameReader, Violation
from gateway.websocket.numbered_pings import PONG_BYTES, PONG_HEAD, number_in_pong, pong_number
from gateway.websocket.sockets import has_unread
from gateway.websocket.writer import CUT_OFF, Writer

_CLOSED: Final = "closed with"
"""How an end with a close frame of ours begins in the log."""

_PING_FRAME: Final = frame(PING, b"")

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """Who is told what comes in."""

    def message_due(self, compressed: int) -> Admission:
        """A whole message has come, and what it takes to read it has not been spent yet: is it wanted?

        ``compressed`` is its length where it is to be inflated first, else 0.
        """

    def message_received(self, opcode: int, data: bytes) -> None:
        """A whole message: TEXT, which is UTF-8, or BINARY."""

    def frame_received(self) -> None:
        """A frame that is no message, but costs as much: a ping, a pong, or a part that completes nothing."""

    def ping_answered(self, number: int) -> bool:
        """A pong to a ping with a number; False where it answers nothing that was asked."""

    def heartbeat_answered(self, took_s: float) -> None:
        """A pong to the heartbeat's ping, so long after that."""

    def connection_lost(self) -> None:
        """The last that is heard of the connection."""


class Connection(Writer):
    """A client's socket, after the handshake."""

    __slots__ = (
        "__weakref__", "_farewell", "_reader", "client", "encoding", "heard", "listener", "pinged_at", "rtt_s",
        "watched",
    )  # fmt: skip

    def __init__(
        self,
        client: str,
        transport: asyncio.Transport,
        encoding: Any,
        buffers: Buffers,
        listener: Listener,
        max_message_bytes: int,
        *,
        deflate: bool = False,
        watched: bool = False,
        window_bytes: int = 0,
    ) -> None:
        """``max_message_bytes`` of 0 is no limit; for ``deflate`` and ``window_bytes`` see `FrameReader`."""
        super().__init__(transport, buffers)
        self.client = client
        self.encoding = encoding
        """How messages are written for this client: for those who write them; nothing here looks at it."""
        self.listener = listener
        self._reader = FrameReader(max_message_bytes, deflate=deflate, window_bytes=window_bytes)
        self._farewell: Farewell | None = None
        self.heard = True
        """Whether anything came from the client since the heartbeat last looked."""
        self.pinged_at = 0.0
        """When the heartbeat has asked for the answer that it waits for; 0 where it does not."""
        self.watched = watched
        """See `gateway.fanout.cohort.Member.watched`."""
        self.rtt_s = math.inf
        """How long it usually takes to answer a ping; infinite before it has answered one."""

    def limit_messages(self, max_message_bytes: int) -> None:
        """Take messages up to another length from now on; 0 is no limit."""
        self._reader.limit(max_message_bytes)

    @property
    def reads_all(self) -> bool:
        """Whether compressed messages must be inflated even where nobody wants them."""
        return self._reader.reads_all

    @property
    def left(self) -> bool:
        """Whether it ended, where it has, without our doing."""
        return not self.end.startswith((_CLOSED, CUT_OFF))

    @property
    def unheard(self) -> bool:
        """Whether anything that came waits in the kernel to be read."""
        return self._fd >= 0 and has_unread(self._fd)

    # What goes out.

    def enqueue(self, blob: bytes) -> None:
        """Write ``blob`` behind whatever is waiting; close with 4408 when too much is."""
        if not (self.send(blob) or self._queue(blob, answer=False)):
            self.close(Closing.TOO_SLOW)

    def ping(self) -> None:
        """Ask for a sign of life (RFC 6455, section 5.5.2)."""
        self.pinged_at = asyncio.get_running_loop().time()
        self.reply(_PING_FRAME)

    def close(self, closing: Closing) -> None:
        """Start the closing handshake. Only the first reason counts."""
        if not self.closing:
            self._buffers.counters.closed[closing.name] += 1
            self._write_close(closing.code, closing.reason)

    def end_unfinished(self) -> None:
        """Close because a message was not finished in time; what else comes of it is not looked at."""
        if not self.closing:
            self.close(Closing.UNFINISHED)
            self._stop_listening()

    def _write_close(self, code: int, reason: str) -> None:
        self._uncork()
        self._transport.write(close_frame(code, reason))
        self.closing = True
        self._choose_way()
        self.end = f"{_CLOSED} {code} {reason}"
        self._farewell = Farewell(self._transport)

    # What comes in; called by the event loop.

    def data_received(self, data: bytes) -> None:
        """Parse, and tell the listener of every message that is complete."""
        self.heard = True
        if len(data) == PONG_BYTES and self._is_quick_pong(data):
            return
        if self._farewell is None:
            self._cork()
        elif not self._farewell.bytes_received(len(data)):
            return
        try:
            violation = self._reader.feed(data, self._receive, self._admit)
        except Exception:
            logger.exception("client %s: a message could not be handled", self.client)
            violation = Violation(Fault.INTERNAL_ERROR, "a message could not be handled")
        self._uncork()
        if violation is not None and not self.closing:
            self._buffers.counters.closed[violation.fault.name] += 1
            self._write_close(violation.fault, violation.reason)
        if violation is not None:
            self._stop_listening()
        self._buffers.read(self, *self._reader.unfinished)

    def _stop_listening(self) -> None:
        self._reader.forget()
        if self._farewell is not None:
            self._farewell.stop_listening()

    def connection_lost(self, _error: Exception | None) -> None:
        """The socket is gone."""
        # Whoever still holds us, a drain for one, must not write to it.
        self.closing = True
        # Closed after this call, and the number may be another client's in the next.
        self._fd = self._direct_fd = -1
        if self._farewell is not None:
            self._farewell.end()
        self._buffers.forget(self)
        self.listener.connection_lost()
        # They know each other; without this only the garbage collector would find them.
        del self.listener

    def _is_quick_pong(self, data: bytes) -> bool:
        """Whether that was one pong with a number, and nothing else is to be done: they come often."""
        if data[:2] != PONG_HEAD or self._farewell is not None or self._reader.unfinished != (None, None):
            return False
        return self.listener.ping_answered(number_in_pong(data))

    def _is_asked_for(self, pong: bytes) -> bool:
        number = pong_number(pong)
        if number is not None:
            return self.listener.ping_answered(number)
        if pong or not self.pinged_at:
            return False
        took_s, self.pinged_at = asyncio.get_running_loop().time() - self.pinged_at, 0.0
        self.listener.heartbeat_answered(took_s)
        return True

    def _admit(self, compressed: int) -> Admission:
        return "drop" if self.closing else self.listener.message_due(compressed)

    def _receive(self, opcode: int, payload: bytes) -> bool:
        if opcode == CLOSE:
            if not self.closing:
                # The same code back (RFC 6455, section 5.5.1), or none where none was given.
                code = int.from_bytes(payload[:2])
                self._write_close(code, "")
                self.end = f"left with {code or 'no code'}"
            self._transport.close()
            return False
        if self.closing:
            # On to the peer's own close frame, but for who was cut off.
            return self._farewell is not None and self._farewell.frame_received()
        if opcode in (TEXT, BINARY):
            self.listener.message_received(opcode, payload)
        elif opcode == PONG and self._is_asked_for(payload):
            pass
        elif opcode != REFUSED:
            self.listener.frame_received()
            if opcode == PING:
                self.reply(frame(PONG, payload))
        return True
