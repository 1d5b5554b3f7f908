"""Compressed messages of clients (RFC 7692, section 7.2.2), never longer than allowed."""

import zlib
from typing import Final

_WINDOW_BITS: Final = 15
_WINDOW_BYTES: Final = 1 << _WINDOW_BITS

_TAIL: Final = b"\x00\x00\xff\xff"
"""What the sender has cut off."""

_END: Final = b"\x03\x00"
"""A last block with nothing in it: only where everything before it was whole, inflating ends with it."""

_MOST_LAST_BLOCKS: Final = 8
"""Behind a block that is marked as the last others may follow (RFC 7692, section 7.2.1), and to begin anew costs as
much as a short message does. Senders mark one block or none in a message."""


def inflate(payload: bytes, limit: int, before: bytes = b"") -> bytes | None:
    """The message, or None where ``payload`` is not DEFLATE, or not all of it.

    Of one that is longer than ``limit`` bytes the first ``limit`` + 1 come back, so that a small payload that
    stands for gigabytes costs no more than a long message; a ``limit`` of 0 is no limit. ``before`` is what the
    sender may refer to, of its messages before this one.
    """
    rest, message = payload + _TAIL + _END, b""
    for _ in range(_MOST_LAST_BLOCKS + 1):
        window = (before + message)[-_WINDOW_BYTES:]
        stream = zlib.decompressobj(-_WINDOW_BITS, window) if window else zlib.decompressobj(-_WINDOW_BITS)
        try:
            message += stream.decompress(rest, limit and limit + 1 - len(message))
        except zlib.error:
            return None
        if limit and len(message) > limit:
            return message
        rest = stream.unused_data
        if not (stream.eof and rest):
            return message if stream.eof else None
    return None


class Inflater:
    """Inflates the messages of one client, and keeps of them what later ones may refer to.

    What is kept is the client's own last messages as they were, so it is never more than the client has sent, nor than
    its window; a client that sends no compressed message costs nothing.
    """

    __slots__ = ("_window", "_window_bytes")

    def __init__(self, window_bytes: int) -> None:
        """``window_bytes`` is how far back messages may refer; 0 where each stands for itself."""
        self._window_bytes = window_bytes
        self._window = b""

    @property
    def kept_bytes(self) -> int:
        """How much is kept."""
        return len(self._window)

    @property
    def must_see_all(self) -> bool:
        """Whether a message that is not inflated makes those behind it unreadable."""
        return self._window_bytes > 0

    def inflate(self, payload: bytes, limit: int) -> bytes | None:
        """See `inflate`."""
        message = inflate(payload, limit, self._window)
        if message is not None and self._window_bytes:
            self._window = (self._window + message)[-self._window_bytes :]
        return message


_LEAST_COMPRESSED: Final = 16 * 1024


def longest_compressed(max_message_bytes: int) -> int:
    """The most compressed bytes that a message may have where it may have ``max_message_bytes``; 0 is no limit.

    A short message never needs more than its own length and a little; a long one is a list of names, which shrinks.
    """
    if not max_message_bytes:
        return 0
    # Incompressible data grows by five bytes for each block of up to 64 KB, and some senders make short blocks.
    most = max_message_bytes + max_message_bytes // 64 + 64
    return min(most, max(_LEAST_COMPRESSED, max_message_bytes // 16))
