"""WebSocket frames of a server (RFC 6455, section 5.2).

A server's frame is not masked, so its bytes are the same for every client.
"""

import struct
from typing import Final

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FIN: Final = 0x80
RSV1: Final = 0x40
"""Set if the message is compressed (RFC 7692, section 6)."""

_head_16 = struct.Struct(">BBH").pack
_head_64 = struct.Struct(">BBQ").pack


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole unmasked frame (RFC 6455, section 5.2). ``opcode`` may carry reserved bits."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 65536:
        return _head_16(_FIN | opcode, 126, size) + payload
    return _head_64(_FIN | opcode, 127, size) + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close frame (RFC 6455, section 5.5.1), without a code if ``code`` is 0. ``reason`` is cut to fit."""
    if not code:
        return frame(CLOSE, b"")
    return frame(CLOSE, code.to_bytes(2) + reason.encode()[:123].decode(errors="ignore").encode())
