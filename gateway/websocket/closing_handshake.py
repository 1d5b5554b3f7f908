"""The end of a connection, from our close frame on."""

import asyncio
from typing import Final

CLOSE_TIMEOUT_S: Final = 5.0
"""A closing handshake that takes longer is ended by force."""

QUIET_BEFORE_CLOSE_S: Final = 0.25
"""Who is not listened to any more, and has said nothing for so long, has had the time to hear why."""

LATE_BYTES: Final = 1024 * 1024
"""So much of what still comes is read, to be thrown away. Reading is work, too: who sends more is not read on."""

LINGER_S: Final = 1.0
"""Who is not read on has so long to hear why, and is cut off then."""

LATE_FRAMES: Final = 1000
"""So many frames may still come that were sent before ours was heard; then nobody is listened to."""


class ClosingHandshake:
    """How long the socket of a connection that is closing stays open."""

    __slots__ = ("_late", "_late_bytes", "_quiet_timer", "_timer", "_transport", "deaf")

    def __init__(self, transport: asyncio.Transport) -> None:
        """``transport`` is aborted when it is still there after `CLOSE_TIMEOUT_S`."""
        self._transport = transport
        self._late = self._late_bytes = 0
        self.deaf = False
        """Whether what comes is thrown away unread."""
        # Closing a transport waits for its buffer to drain, which may be never.
        self._timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, transport.abort)
        self._quiet_timer: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        """Whether so much came that no more of it is read."""
        return self._late_bytes > LATE_BYTES

    def bytes_received(self, size: int) -> bool:
        """So many bytes more came; whether they are to be looked at."""
        self._late_bytes += size
        if self.is_over:
            self.deaf = True
            # Not at once: the reset would overtake our close frame.
            self._transport.pause_reading()
            if self._quiet_timer is not None:
                self._quiet_timer.cancel()
            self._quiet_timer = asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
        elif self.deaf:
            self.stop_listening()
        return not self.deaf

    def frame_received(self) -> bool:
        """Another frame came, and was not the peer's own close frame; whether to read on until that."""
        self._late += 1
        if self._late > LATE_FRAMES:
            self.stop_listening()
        return not self.deaf

    def stop_listening(self) -> None:
        """Throw away what still comes, and close the transport when nothing does; to be called again for whatever does.

        A socket that is closed with bytes left in it is reset, and the peer may never hear why. Nor may it where only
        our half is closed (RFC 6455, section 7.1.1), for a proxy on the way closes both.
        """
        self.deaf = True
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
        self._quiet_timer = asyncio.get_running_loop().call_later(QUIET_BEFORE_CLOSE_S, self._transport.close)

    def end(self) -> None:
        """The socket is gone."""
        self._timer.cancel()
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
