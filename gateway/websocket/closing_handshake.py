"""The end of a connection, from our close frame on."""

import asyncio
from typing import Final

CLOSE_TIMEOUT_S: Final = 5.0
"""A longer closing handshake is ended by force."""

QUIET_BEFORE_CLOSE_S: Final = 0.25
"""A peer that we no longer read, and that was quiet for this long, has had the time to read our reason."""

LATE_BYTES: Final = 1024 * 1024
"""We read and discard this many more bytes. Reading is work too: beyond that we stop reading."""

LINGER_S: Final = 1.0
"""A peer that we stopped reading is cut off after this: it has had the time to read our reason."""

LATE_FRAMES: Final = 1000
"""The peer may have sent this many frames before it read ours. After them, nothing is parsed any more."""


class ClosingHandshake:
    """Decides how long the socket of a closing connection stays open."""

    __slots__ = ("_late", "_late_bytes", "_quiet_timer", "_timer", "_transport", "code", "discards")

    def __init__(self, transport: asyncio.Transport, code: int) -> None:
        """Our close frame has this ``code``; ``transport`` is aborted if it is still there after `CLOSE_TIMEOUT_S`."""
        self.code = code
        self._transport = transport
        self._late = self._late_bytes = 0
        self.discards = False
        """Whether incoming bytes are discarded."""
        # Closing a transport waits for its buffer to drain, which may never happen.
        self._timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, transport.abort)
        self._quiet_timer: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        """Whether so much came that we stopped reading."""
        return self._late_bytes > LATE_BYTES

    def bytes_received(self, size: int) -> bool:
        """``size`` more bytes came. Return whether to parse them."""
        self._late_bytes += size
        if self.is_over:
            self.discards = True
            # Not at once: a reset would overtake our close frame.
            self._transport.pause_reading()
            if self._quiet_timer is not None:
                self._quiet_timer.cancel()
            self._quiet_timer = asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
        elif self.discards:
            self.stop_listening()
        return not self.discards

    def frame_received(self) -> bool:
        """A frame came that was not the peer's close frame. Return whether to parse on until that."""
        self._late += 1
        if self._late > LATE_FRAMES:
            self.stop_listening()
        return not self.discards

    def stop_listening(self) -> None:
        """Discard incoming bytes, and close the transport when none come any more. Call it again whenever bytes come.

        Closing a socket with unread bytes resets it, and then the peer may never read our reason. Closing only our half
        (RFC 6455, section 7.1.1) does not help either: a proxy on the way closes both halves.
        """
        self.discards = True
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
        self._quiet_timer = asyncio.get_running_loop().call_later(QUIET_BEFORE_CLOSE_S, self._transport.close)

    def end(self) -> None:
        """The socket is gone."""
        self._timer.cancel()
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
