"""Frames as clients send them, right or wrong: written down byte by byte, without the gateway's own code."""

import zlib

KEY = b"\x37\xfa\x21\x3d"

FIN, RSV1 = 0x80, 0x40
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def client_frame(
    first: int,
    payload: bytes = b"",
    *,
    key: bytes | None = KEY,
    width: int | None = None,
    length: int | None = None,
) -> bytes:
    """A frame with ``first`` for its first byte.

    ``key`` None leaves it unmasked. ``width`` is the number of bytes, 0, 2 or 8, that hold the length beside
    the second byte: as few as will do, unless given. ``length`` is what the header claims, true or not.
    """
    if length is None:
        length = len(payload)
    if width is None:
        width = 0 if length < 126 else 2 if length < 65536 else 8
    mask_bit = 0 if key is None else 0x80
    short = {0: length, 2: 126, 8: 127}[width]
    head = bytes((first, mask_bit | short)) + (length.to_bytes(width) if width else b"")
    if key is None:
        return head + payload
    return head + key + _masked(key, payload)


def _masked(key: bytes, payload: bytes) -> bytes:
    stretched = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(stretched)).to_bytes(len(payload))


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """What a close frame carries."""
    return code.to_bytes(2) + reason


def deflated(message: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    """The payload of a compressed message (RFC 7692, section 7.2.1)."""
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(message) + stream.flush(flush)).removesuffix(b"\x00\x00\xff\xff")


def referring(before: bytes, message: bytes) -> bytes:
    """The same of a message that refers to ``before``, which was sent earlier."""
    stream = zlib.compressobj(wbits=-15, zdict=before)
    return (stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")
