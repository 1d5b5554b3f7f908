"""Pings that carry a number: the pong says which of them it answers (RFC 6455, section 5.5.3)."""

from typing import Final

from gateway.websocket.framing.frames import PING, PONG, frame

_NUMBER_BYTES: Final = 6
_NUMBERS: Final = 1 << 8 * _NUMBER_BYTES


def ping(number: int) -> bytes:
    """The frame of a ping that carries ``number``."""
    return frame(PING, (number % _NUMBERS).to_bytes(_NUMBER_BYTES))


def pong_number(payload: bytes) -> int | None:
    """The number in a pong's payload; None if it is not one of ours."""
    return int.from_bytes(payload) if len(payload) == _NUMBER_BYTES else None


PONG_HEAD: Final = bytes((0x80 | PONG, 0x80 | _NUMBER_BYTES))
PONG_BYTES: Final = 2 + 4 + _NUMBER_BYTES
"""How a client's frame with such a pong begins, and its length (RFC 6455, section 5.2)."""


def number_in_pong(data: bytes) -> int:
    """The number in such a frame."""
    key = data[2:6]
    return int.from_bytes(data[6:]) ^ int.from_bytes(key + key[: _NUMBER_BYTES - 4])
