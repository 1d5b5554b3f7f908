"""What is kept for one connection: what it has not read, and the message that it has not finished."""

from collections.abc import Mapping
from typing import Final, Protocol

from msgspec import Struct

PIECE_BYTES: Final = 1024
"""What each waiting write costs beside its bytes: uvloop keeps some 850 bytes for a pong of two."""


class Holder(Protocol):
    """A connection, as buffers see it."""

    @property
    def waiting_bytes(self) -> int:
        """The bytes that the transport has not given to the kernel yet."""

    @property
    def waits_to_be_read(self) -> bool:
        """Whether it has sent what we had no time to read: perhaps the end of its message."""

    def abort(self, reason: str) -> None:
        """Cut it off at once, also while it is closing."""

    def end_unfinished(self) -> None:
        """Close it because its message was not finished in time."""


class Unread(Struct):
    """What waits for one connection, until the kernel has taken all of it."""

    since: float
    """Everything before the mark has waited since then."""
    mark: int
    """Bytes written when the mark was set, of all bytes since something began to wait."""
    written: int
    pieces: int = 1
    answers: int = 0
    """At most so many of the waiting bytes are answers, with the cost of their pieces."""
    counted: int = 0

    def cost(self, waiting: int) -> int:
        """The memory that ``waiting`` bytes of it take, with their share of the pieces."""
        return waiting + waiting * self.pieces * PIECE_BYTES // max(1, self.written)


class Unfinished(Struct):
    """What has come of an unfinished message."""

    since: float
    frame: bytearray | None
    message: bytearray | None
    counted: int = 0

    def continues(self, frame: bytearray | None, message: bytearray | None) -> bool:
        """Whether what is unfinished now is the same message, or began with the same frame."""
        if message is None or message is self.message:
            return message is not None or frame is self.frame
        # A new message. It began with the unfinished frame, unless that was a control frame.
        return self.message is None and self.frame is not None and not self.frame[0] & 0x08


def overdue(entries: Mapping[Holder, Unread | Unfinished | float], late: float, most: int) -> list[Holder]:
    """Up to ``most`` of ``entries``, which are in the order of their times, with a time of ``late`` or before."""
    found: list[Holder] = []
    for holder, entry in entries.items():
        if (entry if isinstance(entry, float) else entry.since) > late or len(found) >= most:
            break
        found.append(holder)
    return found
