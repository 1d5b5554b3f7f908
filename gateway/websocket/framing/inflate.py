"""Compressed messages of clients (RFC 7692, section 7.2.2), never longer than allowed."""

import zlib
from typing import Final

_WINDOW_BITS: Final = 15
_WINDOW_BYTES: Final = 1 << _WINDOW_BITS

_TAIL: Final = b"\x00\x00\xff\xff"
"""The sender removes these bytes."""

_END: Final = b"\x03\x00"
"""An empty last block. Inflating ends with it only if everything before it was whole."""

_MOST_LAST_BLOCKS: Final = 8
"""Blocks may follow one that is marked as the last (RFC 7692, section 7.2.1). Each such restart costs as much as a
short message. Senders mark one block of a message, or none."""


def inflate(payload: bytes, limit: int, before: bytes = b"") -> bytes | None:
    """The message; None if ``payload`` is not DEFLATE, or not complete.

    If the message is longer than ``limit`` bytes, the first ``limit`` + 1 come back. So a small payload that stands for
    gigabytes costs no more than a long message. A ``limit`` of 0 means no limit. ``before`` is what the sender may
    refer to of its earlier messages.
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
    """Inflates the messages of one client, and keeps what later ones may refer to.

    It keeps the client's last messages as they were: never more than the client has sent, nor than its window. A client
    that sends no compressed message costs nothing.
    """

    __slots__ = ("_window", "_window_bytes")

    def __init__(self, window_bytes: int) -> None:
        """``window_bytes`` is how far back messages may refer; 0 if each stands alone."""
        self._window_bytes = window_bytes
        self._window = b""

    @property
    def kept_bytes(self) -> int:
        """The number of bytes kept."""
        return len(self._window)

    @property
    def must_see_all(self) -> bool:
        """Whether skipping one message makes later ones unreadable."""
        return self._window_bytes > 0

    def inflate(self, payload: bytes, limit: int) -> bytes | None:
        """See `inflate`."""
        message = inflate(payload, limit, self._window)
        if message is not None and self._window_bytes:
            self._window = (self._window + message)[-self._window_bytes :]
        return message


_LEAST_COMPRESSED: Final = 16 * 1024


def longest_compressed(max_message_bytes: int) -> int:
    """The most compressed bytes of a message that may have ``max_message_bytes``; 0 means no limit.

    A short message never needs more than its own length and a little. A long one is a list of names, which shrinks.
    """
    if not max_message_bytes:
        return 0
    # Incompressible data grows by five bytes for each block of up to 64 KB, and some senders make short blocks.
    most = max_message_bytes + max_message_bytes // 64 + 64
    return min(most, max(_LEAST_COMPRESSED, max_message_bytes // 16))
