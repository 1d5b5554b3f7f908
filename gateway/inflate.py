"""Compressed messages of clients (RFC 7692, section 7.2.2), each by itself and never longer than allowed."""

import zlib
from typing import Final

_WINDOW_BITS: Final = 15

_TAIL: Final = b"\x00\x00\xff\xff"
"""What the sender has cut off."""

_END: Final = b"\x03\x00"
"""A last block with nothing in it: only where everything before it was whole, inflating ends with it."""

_BEHIND_LAST_BLOCK: Final = b"\x00" + _TAIL + _END
"""Left over where the sender has marked its own block as the last (RFC 7692, section 7.2.3.4)."""


def inflate(payload: bytes, limit: int) -> bytes | None:
    """The message, or None where ``payload`` is not DEFLATE, or not all of it.

    Of one that is longer than ``limit`` bytes the first ``limit`` + 1 come back, so that a small payload that
    stands for gigabytes costs no more than a long message; a ``limit`` of 0 is no limit. No message needs one
    before it: a client may not keep its window (`gateway.deflate.negotiate`).
    """
    stream = zlib.decompressobj(-_WINDOW_BITS)
    try:
        message = stream.decompress(payload + _TAIL + _END, limit and limit + 1)
    except zlib.error:
        return None
    too_long = limit and len(message) > limit
    whole = stream.eof and stream.unused_data in (b"", _BEHIND_LAST_BLOCK)
    return message if too_long or whole else None
