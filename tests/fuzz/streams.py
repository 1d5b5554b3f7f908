"""A client's frames: in order, out of order, of no order, and broken."""

import random
import zlib

from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK
from tests.client_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RSV1,
    TEXT,
    client_frame,
    close_payload,
    deflated,
    referring,
)
from tests.fuzz.commands import command, good_command
from tests.fuzz.damage import damaged

_KEYS = (b"\x00\x00\x00\x00", b"\x37\xfa\x21\x3d", b"\xff\xff\xff\xff")
_HEADS = (FIN | TEXT, FIN | TEXT, FIN | BINARY, TEXT, BINARY, CONTINUATION, FIN | CONTINUATION, FIN | PING, FIN | PONG)
_CODES = (0, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1015, 1016, 2999, 3000, 4999, 5000, 65535)
_LENGTHS = (0, 1, 125, 126, 127, 65535, 65536, 2**31, 2**63 - 1, 2**63, 2**64 - 1)

_BOMB = deflated(bytes(4_000_000))


_NAMES = b'{"type":"subscribe","symbols":["BTC"%b]}'
_STORED = b"\x00\x00\x00\xff\xff"
"""Blocks with nothing in them, and blocks that are marked as the last: little to send, and something to do for each."""
_FIXED = b"\x02\x00" * 4
_LAST = b"\x03\x00"


def stream(rng: random.Random) -> bytes:
    """Some frames, one after the other, with or without mishaps."""
    frames = b"".join(_some_frames(rng) for _ in range(rng.choice((1, 1, 2, 3, 6))))
    return damaged(rng, frames) if rng.random() < 0.6 else frames


def costly(rng: random.Random) -> bytes:
    """Some frames that are cheap to send and dear to take, and perhaps one that never ends."""
    frames = b"".join(_costly_frames(rng) for _ in range(rng.choice((1, 2, 6))))
    if rng.random() < 0.5:
        frames += _unfinished(rng)
    return damaged(rng, frames) if rng.random() < 0.2 else frames


def _costly_frames(rng: random.Random) -> bytes:
    count = rng.choice((1, 10, 300, 3000))
    match rng.randrange(5):
        case 0:
            names = _NAMES % (rng.choice((b',"BTC"', b',"X"', b',"*"')) * count * 3)
            return client_frame(FIN | RSV1 | TEXT, deflated(names))
        case 1:
            names = _NAMES % b"".join(b',"X%d"' % number for number in range(count))
            return client_frame(FIN | TEXT, names)
        case 2:
            blocks = rng.choice((_STORED, _FIXED, _LAST)) * count
            return client_frame(FIN | RSV1 | TEXT, blocks + deflated(good_command(rng, JSON)))
        case 3:
            # They refer to what came before them, which was perhaps refused.
            before = good_command(rng, JSON) * rng.choice((1, 100))
            both = (deflated(before), referring(before, good_command(rng, JSON)))
            return b"".join(client_frame(FIN | RSV1 | TEXT, payload) for payload in both)
        case _:
            return client_frame(FIN | TEXT, b'{"type":"auth","token":"x","id":%d}' % count) * min(count, 30)


def _unfinished(rng: random.Random) -> bytes:
    """The beginning of a message whose end never comes, in whole frames or in a part of one."""
    payload = rng.choice((b"x", deflated(b"x" * 1000))) * rng.choice((1, 100, 3000))
    first = rng.choice((TEXT, BINARY, RSV1 | TEXT))
    frames = client_frame(first, payload) + client_frame(CONTINUATION, payload) * rng.choice((0, 1, 5))
    return frames if rng.random() < 0.5 else frames[: rng.randint(1, len(frames))]


def _some_frames(rng: random.Random) -> bytes:
    match rng.randrange(10):
        case 0 | 1:
            return client_frame(FIN | TEXT, good_command(rng, JSON), key=rng.choice(_KEYS))
        case 2 | 3:
            return _message_in_parts(rng)
        case 4:
            return client_frame(rng.randrange(256), _payload(rng), key=rng.choice(_KEYS))
        case 5:
            return _false_header(rng)
        case 6:
            reason = rng.choice((b"", b"bye", b"\xff", rng.randbytes(rng.choice((1, 122, 123)))))
            return client_frame(FIN | CLOSE, close_payload(rng.choice(_CODES), reason)[rng.choice((0, 0, 0, 1, 2)) :])
        case _:
            return client_frame(rng.choice(_HEADS), _payload(rng), key=rng.choice(_KEYS))


def _message_in_parts(rng: random.Random) -> bytes:
    """A message in order, but for what its payload may be, with control frames among its parts."""
    first, payload = rng.choice((TEXT, BINARY)), _payload(rng)
    if rng.random() < 0.4:
        first, payload = RSV1 | first, deflated(payload)
        if rng.random() < 0.3:
            payload = damaged(rng, payload)
    count = rng.choice((1, 2, 3, 10))
    frames = []
    for number in range(count):
        part = payload[number * len(payload) // count : (number + 1) * len(payload) // count]
        last = FIN if number == count - 1 else 0
        frames.append(client_frame(last | (CONTINUATION if number else first), part, key=rng.choice(_KEYS)))
        if rng.random() < 0.2:
            frames.append(client_frame(FIN | rng.choice((PING, PONG)), rng.randbytes(rng.choice((0, 4, 125)))))
    return b"".join(frames)


def _payload(rng: random.Random) -> bytes:
    match rng.randrange(9):
        case 0:
            return b""
        case 1:
            return rng.randbytes(rng.choice((1, 2, 125, 126, 127, 300)))
        case 2:
            return command(rng, MSGPACK)
        case 3:
            return "grüße 価格 🙂".encode()[: rng.randint(0, 25)]
        case 4:
            return b"x" * rng.choice((125, 126, 1000, 5000))
        case 5 if rng.random() < 0.02:
            return _BOMB
        case 6:
            return zlib.compress(good_command(rng, JSON))[rng.choice((0, 2)) :]
        case _:
            return command(rng, JSON)


def _false_header(rng: random.Random) -> bytes:
    """A frame whose header lies about its length, or says it in a form that is too long, or that has no mask."""
    payload, length = _payload(rng), rng.choice(_LENGTHS)
    width = rng.choice([width for width, most in ((0, 125), (2, 65535), (8, 2**64 - 1)) if length <= most])
    key = None if rng.random() < 0.3 else rng.choice(_KEYS)
    return client_frame(rng.choice(_HEADS), payload, key=key, width=width, length=length)
