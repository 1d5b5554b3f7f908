"""One socket: it writes (`gateway.websocket.writer`), and gives a listener what comes in. It never waits.

After the handshake a connection is its transport's protocol. Every frame in and out is ours.
"""

import asyncio
import logging
import math
from typing import Any, Final, Protocol

from gateway.log_events import MESSAGE_FAILED
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.closing_handshake import ClosingHandshake
from gateway.websocket.framing.frames import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame
from gateway.websocket.framing.parser import REFUSED, FailureCode, FrameParser, MessageVerdict, Violation
from gateway.websocket.numbered_pings import PONG_BYTES, PONG_HEAD, number_in_pong, pong_number
from gateway.websocket.numbered_pings import ping as numbered_ping
from gateway.websocket.read_scheduler import ReadScheduler
from gateway.websocket.sockets import descriptor, has_unread
from gateway.websocket.writer import CLOSED, Writer

_NEVER: Final = -math.inf  # one object for all connections

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """Receives what comes in."""

    @property
    def payer(self) -> str | None:
        """The address whose connections share the time for reading; None if nobody else is behind it."""

    def message_due(self, compressed: int) -> MessageVerdict:
        """A whole message has come, and no work has been spent on it yet: is it wanted?

        ``compressed`` is its length if it must be inflated first, else 0.
        """

    def message_received(self, opcode: int, data: bytes) -> None:
        """A whole message: TEXT, which is valid UTF-8, or BINARY."""

    def frame_received(self, opcode: int) -> None:
        """A frame that is no message but costs as much: a ping, a pong, or a part that completes nothing."""

    def ping_answered(self, number: int) -> bool:
        """A pong to a numbered ping; False if it answers no ping that is open."""

    def heartbeat_answered(self, number: int, took_s: float) -> None:
        """A pong to the keepalive ping of this number, ``took_s`` after it."""

    def connection_lost(self) -> None:
        """The last call for this connection."""


class Connection(Writer):
    """A client's socket, after the handshake."""

    __slots__ = (
        "__weakref__",
        "_closing_handshake",
        "_parser",
        "_read_scheduler",
        "asked",
        "client",
        "encoding",
        "listener",
        "pinged",
        "pinged_at",
        "received",
        "rtt_s",
        "watched",
    )  # fmt: skip

    def __init__(
        self,
        client: str,
        transport: asyncio.Transport,
        encoding: Any,
        buffers: Buffers,
        read_scheduler: ReadScheduler,
        listener: Listener,
        max_message_bytes: int,
        *,
        deflate: bool = False,
        watched: bool = False,
        window_bytes: int = 0,
    ) -> None:
        """``max_message_bytes`` of 0 means no limit. For ``deflate`` and ``window_bytes`` see `FrameParser`."""
        super().__init__(transport, buffers)
        self.client = client
        self.encoding = encoding
        """How messages are written for this client. Only those that write messages use it; nothing here does."""
        self.listener = listener
        self._read_scheduler = read_scheduler
        self._parser = FrameParser(max_message_bytes, deflate=deflate, window_bytes=window_bytes)
        self._closing_handshake: ClosingHandshake | None = None
        self.received = True
        """Whether anything came from the client since the last keepalive sweep."""
        self.asked = False
        """Whether a keepalive ping waits for a sign of life."""
        self.pinged = 0
        """The number of the last keepalive ping, until it is answered."""
        self.pinged_at = _NEVER
        """When that ping was sent."""
        self.watched = watched
        """See `gateway.fanout.cohorts.member.Member.watched`."""
        self.rtt_s = math.inf
        """The usual round trip of a ping; infinite before the first answer."""

    def limit_messages(self, max_message_bytes: int) -> None:
        """Take messages up to another length from now on; 0 means no limit."""
        self._parser.limit(max_message_bytes)

    @property
    def reads_all(self) -> bool:
        """Whether compressed messages must be inflated even if they are not wanted."""
        return self._parser.reads_all

    @property
    def code(self) -> int:
        """The close code that was written; 0 before, and if there was none."""
        return 0 if self._closing_handshake is None else self._closing_handshake.code

    @property
    def has_unread(self) -> bool:
        """Whether anything that came waits to be read, in the kernel or here."""
        if self.waits_to_be_read:
            return True
        # With TLS, only the transport can read and write; what the kernel has can be asked for all the same.
        fd = self._fd if self._fd >= 0 else descriptor(self._transport)
        return fd >= 0 and has_unread(fd)

    @property
    def waits_to_be_read(self) -> bool:
        """Whether it has sent what we had no time to read."""
        return self in self._read_scheduler

    # What goes out.

    def enqueue(self, blob: bytes) -> None:
        """Write ``blob`` behind what waits; close with 4408 if too much waits."""
        if not (self.send(blob) or self._queue(blob, answer=False)):
            self.close(CloseReason.TOO_SLOW)

    def ping(self, number: int, now: float) -> None:
        """Send a keepalive ping (RFC 6455, section 5.5.2). All pings share one sequence of numbers."""
        self.asked = True
        self.measure(number, now)

    def measure(self, number: int, now: float) -> None:
        """Ask how far the client has read: its pong follows all data before. Its silence has other ways to show."""
        # Those pinged at once share one object for the time.
        self.pinged, self.pinged_at = number, now
        self.reply(numbered_ping(number))

    def close(self, reason: CloseReason) -> None:
        """Start the closing handshake. Only the first reason counts."""
        if not self.closing:
            self._buffers.counters.closed[reason.name] += 1
            self._write_close(reason.code, reason.reason)

    def end_unfinished(self) -> None:
        """Close because a message was not finished in time. The rest of it is not parsed."""
        if not self.closing:
            self.close(CloseReason.UNFINISHED)
            self._stop_listening()

    def _write_close(self, code: int, reason: str) -> None:
        self._uncork()
        self._transport.write(close_frame(code, reason))
        self.closing = True
        self._choose_way()
        self.end = f"{CLOSED} {code} {reason}"
        self._closing_handshake = ClosingHandshake(self._transport, code)

    # What comes in; called by the event loop.

    def data_received(self, data: bytes) -> None:
        """Parse, and give the listener every complete message."""
        self.received = True
        if len(data) == PONG_BYTES and self._is_quick_pong(data):
            return
        if self._closing_handshake is not None and not self._closing_handshake.bytes_received(len(data)):
            return
        read_scheduler = self._read_scheduler
        if read_scheduler.begin():
            self._read(data)
            read_scheduler.end()
        else:
            self._parser.keep(data)
            self._wait()
            self._buffers.read(self, *self._parser.unfinished)

    def resume(self) -> None:
        """Read what was kept for a later turn (called by `gateway.websocket.read_scheduler`)."""
        if self._transport.is_closing():
            return
        self._read(b"")
        if not (
            self.waits_to_be_read
            or self._transport.is_closing()
            or (self._closing_handshake and self._closing_handshake.is_over)
        ):
            self._transport.resume_reading()

    def _pauses(self) -> bool:
        if not self._read_scheduler.is_over():
            return False
        self._wait()
        return True

    def _wait(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self._read_scheduler.wait(self, self.listener.payer)

    def _read(self, data: bytes) -> None:
        if self._closing_handshake is None:
            self._cork()
        try:
            violation = self._parser.feed(data, self._receive, self._admit, self._pauses)
        except Exception:
            logger.exception(MESSAGE_FAILED, self.client)
            violation = Violation(FailureCode.INTERNAL_ERROR, "a message could not be handled")
        self._uncork()
        if violation is not None and not self.closing:
            self._buffers.counters.closed[violation.code.name] += 1
            self._write_close(violation.code, violation.reason)
        if violation is not None:
            self._stop_listening()
        self._buffers.read(self, *self._parser.unfinished)
        if self._parser.window:
            self._buffers.keeps(self, self._parser.window)

    def _stop_listening(self) -> None:
        self._parser.forget()
        if self._closing_handshake is not None:
            self._closing_handshake.stop_listening()

    def connection_lost(self, _error: Exception | None) -> None:
        """The socket is gone."""
        # Anybody who still holds this object, such as a drain, must not write to it.
        self.closing = True
        # The descriptor is closed after this call. Its number may then be another client's.
        self._fd = self._direct_fd = -1
        if self._closing_handshake is not None:
            self._closing_handshake.end()
        self._buffers.forget(self)
        self._read_scheduler.forget(self)
        self.listener.connection_lost()
        # They refer to each other: otherwise only the garbage collector would free them.
        del self.listener

    def _is_quick_pong(self, data: bytes) -> bool:
        """Whether ``data`` was one numbered pong, and is handled. Pongs come often."""
        if data[:2] != PONG_HEAD or self._closing_handshake is not None or self._parser.unfinished != (None, None):
            return False
        # It may release the next slice, for hundreds of clients at once.
        if not self._read_scheduler.begin():
            return False
        is_answer = self._is_asked_for(number_in_pong(data))
        self._read_scheduler.end()
        return is_answer

    def _is_asked_for(self, number: int | None) -> bool:
        """Whether a pong with this number answers a ping. An unsolicited pong has no number."""
        if not number or number != self.pinged:
            return number is not None and self.listener.ping_answered(number)
        self.pinged = 0
        self.listener.heartbeat_answered(number, asyncio.get_running_loop().time() - self.pinged_at)
        return True

    def _admit(self, compressed: int) -> MessageVerdict:
        return "drop" if self.closing else self.listener.message_due(compressed)

    def _receive(self, opcode: int, payload: bytes) -> bool:
        if opcode == CLOSE:
            if not self.closing:
                # The same code back (RFC 6455, section 5.5.1), or none if none was given.
                code = int.from_bytes(payload[:2])
                self._write_close(code, "")
                self.end = f"left with {code or 'no code'}"
            self._transport.close()
            return False
        if self.closing:
            # Read on to the peer's own close frame, unless it was cut off.
            return self._closing_handshake is not None and self._closing_handshake.frame_received()
        if opcode in (TEXT, BINARY):
            self.listener.message_received(opcode, payload)
        elif opcode == PONG and self._is_asked_for(pong_number(payload)):
            pass
        elif opcode != REFUSED:
            self.listener.frame_received(opcode)
            if opcode == PING:
                self.reply(frame(PONG, payload))
        return True
