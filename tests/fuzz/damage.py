"""Bytes, changed a little."""

import random

_TELLING = (0x00, 0x01, 0x22, 0x5B, 0x7B, 0x7D, 0x7E, 0x7F, 0x80, 0x81, 0xC1, 0xDF, 0xFE, 0xFF)
"""Ends of ranges, and signs that begin or end something."""


def damaged(rng: random.Random, data: bytes) -> bytes:
    """``data`` after one to four mishaps."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(broken))
        end = min(len(broken), at + rng.choice((1, 1, 2, 4, 16, 64)))
        match rng.randrange(8):
            case 0 if at < end:
                broken[at] ^= 1 << rng.randrange(8)
            case 1 if at < end:
                broken[at] = rng.choice(_TELLING)
            case 2:
                broken[at:at] = rng.randbytes(rng.randint(1, 4))
            case 3:
                broken[at:at] = bytes((rng.choice(_TELLING),)) * rng.choice((1, 2, 8, 200))
            case 4:
                del broken[at:end]
            case 5:
                broken[at:at] = broken[at:end]
            case 6:
                del broken[at:]
            case 7:
                where = rng.randint(0, len(broken))
                broken[where:where] = broken[at:end]
    return bytes(broken)


def in_pieces(rng: random.Random, data: bytes) -> list[bytes]:
    """``data`` as a network might deliver it: mostly at once, now and then byte by byte."""
    if rng.random() < 0.05:
        return [bytes((byte,)) for byte in data]
    cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.choice((0, 0, 1, 2, 5))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
