"""The half of a connection that writes: straight to the kernel, or behind what waits already. It never waits."""

import asyncio
import os
from typing import Final

from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.sockets import prepare, report_what_waits, traffic

CORK_LIMIT_BYTES: Final = 64 * 1024
"""Answers to one read are joined up to so many bytes."""

CUT_OFF: Final = "cut off"
"""How the log names the end of a connection that we cut off."""
CLOSED: Final = "closed with"
"""How it names that of one that we closed."""


class Writer(asyncio.Protocol):
    """Writes to one client, and knows what the kernel has not taken yet."""

    __slots__ = (
        "_backed_up",
        "_buffers",
        "_corked",
        "_direct_fd",
        "_fd",
        "_transport",
        "closing",
        "end",
        "slow_s",
    )

    def __init__(self, transport: asyncio.Transport, buffers: Buffers) -> None:
        """``buffers`` bounds what waits here and for all other clients."""
        self._transport = transport
        self._buffers = buffers
        self._corked: bytearray | None = None
        self.closing = False
        """Whether a close frame was written or the socket cut off; nothing follows."""
        self.end = "the connection broke"
        """How it ended, for the log."""
        self.slow_s = 0.0
        """For how long it was a slow consumer, until it was none."""
        self._fd = prepare(transport)
        report_what_waits(transport)
        self._backed_up = transport.get_write_buffer_size() > 0
        if self._backed_up:
            buffers.waits(self)
        self._choose_way()

    @property
    def left(self) -> bool:
        """Whether the peer, and not we, ended the connection."""
        return not self.end.startswith((CLOSED, CUT_OFF))

    @property
    def traffic(self) -> tuple[int, int]:
        """See `gateway.websocket.sockets.traffic`."""
        return traffic(self._transport)

    @property
    def drained(self) -> bool:
        """Whether the kernel has taken everything that was written."""
        if self._backed_up and not self._transport.get_write_buffer_size():
            # What waited when we took the transport over may have drained without a report.
            self.resume_writing()
        return not self._backed_up

    def send(self, blob: bytes) -> bool:
        """Write ``blob`` and return True, or write nothing and return False: the socket is not draining."""
        if self._direct_fd < 0:
            return self._send_with_care(blob)
        # Straight to the kernel. The transport would keep the blob until the end of the loop's turn, and nobody could
        # say what a flush has cost.
        try:
            sent = os.write(self._direct_fd, blob)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The peer is gone; the transport notices that by itself.
            return True
        if sent < len(blob):
            # The kernel takes no more for now. The rest in the transport makes the connection slow.
            self._transport.write(blob[sent:])
        return True

    def _send_with_care(self, blob: bytes) -> bool:
        if self._backed_up and not self.drained:
            return False
        if self._corked is not None:
            self._fill_cork(blob)
        elif not self.closing:
            self._transport.write(blob)
        return True

    def reply(self, frames: bytes) -> None:
        """Write an answer or a notice, slow or not; cut off a client that lets too many wait."""
        if not (self.send(frames) or self._queue(frames, answer=False)):
            if not self._transport.is_closing():
                self._buffers.counters.buffers_cut_off["unread"] += 1
            self.abort("does not read its replies")

    def _queue(self, blob: bytes, *, answer: bool) -> bool:
        """Write ``blob`` behind what waits, unless that is too much. ``answer``: it answers the client's message."""
        if self._corked is not None:
            self._fill_cork(blob)
        elif not self.closing:
            if not self._buffers.take(self, len(blob), answer=answer):
                return False
            self._transport.write(blob)
        return True

    @property
    def waiting_bytes(self) -> int:
        """The written bytes that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def pause_writing(self) -> None:
        """The kernel has refused data, which waits in the transport (called by the event loop)."""
        self._backed_up = True
        self._direct_fd = -1
        self._buffers.waits(self)

    def resume_writing(self) -> None:
        """Nothing waits in the transport any more (called by the event loop)."""
        self._backed_up = False
        self._choose_way()
        self._buffers.drained(self)

    def _choose_way(self) -> None:
        # Past the transport only if nothing of it or of ours must go first.
        free = not (self._backed_up or self.closing or self._corked is not None)
        self._direct_fd = self._fd if free else -1

    def _cork(self) -> None:
        """Keep what is written from here on, so that all answers to one read leave in one piece."""
        self._corked = bytearray()
        self._direct_fd = -1

    def _fill_cork(self, blob: bytes) -> None:
        assert self._corked is not None
        self._corked += blob
        if len(self._corked) >= CORK_LIMIT_BYTES:
            self._uncork()
            self._cork()

    def _uncork(self) -> None:
        corked, self._corked = self._corked, None
        self._choose_way()
        if corked and not (self.send(bytes(corked)) or self._queue(bytes(corked), answer=True)):
            self.abort("does not read its replies")

    def abort(self, reason: str) -> None:
        """Cut off at once, without a close frame: a client that does not read would not read that either."""
        if not self._transport.is_closing():
            self._buffers.counters.aborted += 1
            self.closing = True
            self._choose_way()
            self.end = f"{CUT_OFF}, {reason}"
        # A closing transport keeps what waits until the client reads it.
        self._transport.abort()

    def end_unfinished(self) -> None:
        """See `gateway.websocket.buffering.entries.Holder`; a writer leaves nothing unfinished."""

    @property
    def waits_to_be_read(self) -> bool:
        """See `gateway.websocket.buffering.entries.Holder`; a writer reads nothing."""
        return False
