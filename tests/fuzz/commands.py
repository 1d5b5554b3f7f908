"""What clients ask for, in JSON or MessagePack: as it should be, of wrong shapes, and broken."""

import json
import random
from typing import Any

import msgpack

from gateway.protocol.encoding import Encoding
from gateway.protocol.json_encoding import JSON
from tests.fuzz.damage import damaged

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")

_GOOD: tuple[dict[str, Any], ...] = (
    {"type": "subscribe", "symbols": ["BTC"]},
    {"type": "subscribe", "symbols": ["*"], "batch": True, "id": 1},
    {"type": "subscribe", "symbols": ["BTCUSDT", "eth"], "max_hz": 5, "snapshot": False, "id": "a"},
    {"type": "subscribe", "symbols": ["SOL", "NOSUCH"], "conflate": False},
    {"type": "unsubscribe", "symbols": ["BTC", "ETHUSDT"], "id": 2**53 - 1},
    {"type": "list", "id": -1},
    {"type": "ping"},
    {"type": "auth", "token": "eyJhbGciOiJub25lIn0.e30.", "id": "x"},
)

_HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 0.5, 1e308, 2**31, 2**53, 2**63, 2**64 - 1, -(2**63), "", "*", "\x00", "\ufeff", "é" * 70,
    "BTCUSDT\x00", "x" * 5000, [], {}, [[]], ["*"] * 500, [None], [{"type": "ping"}], {"type": {"type": "ping"}},
)  # fmt: skip

_RAW_JSON = (
    b"NaN", b"-Infinity", b"1e400", b"1" * 400, b"-0", b'"\\ud800"', b'"\\u0000"', b'"\\x"', b"[" * 3000,
    b'{"a":' * 2000, b"[" * 1500 + b"]" * 1500, b"01", b"1.", b"'a'", b"tru", b"/**/1", b"\xef\xbb\xbf1",
    b'"\xed\xa0\x80"',
)  # fmt: skip

_RAW_MSGPACK = (
    b"\xc1", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff",
    b"\x91" * 3000, b"\x81\xa1a" * 2000, b"\x91" * 1500 + b"\xc0", b"\xa3\xed\xa0\x80", b"\xd6\xff\x00\x00\x00\x00",
    b"\xc7\xff\x01", b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", b"\xcf" + b"\xff" * 8, b"\xd3\x80" + b"\x00" * 7,
)  # fmt: skip


def good_command(rng: random.Random, encoding: Encoding) -> bytes:
    """A command in order."""
    return _pack(rng.choice(_GOOD), encoding)


def command(rng: random.Random, encoding: Encoding) -> bytes:
    """A command in order, of a wrong shape, with something foreign inside, or broken."""
    message = dict(rng.choice(_GOOD))
    if rng.random() < 0.7:
        _bend(rng, message)
    packed = _pack(message, encoding)
    if rng.random() < 0.15:
        packed = _with_foreign_value(rng, packed, encoding)
    return damaged(rng, packed) if rng.random() < 0.4 else packed


def _bend(rng: random.Random, message: dict[str, Any]) -> None:
    match rng.randrange(5):
        case 0:
            message[rng.choice(tuple(message))] = rng.choice(_HOSTILE)
        case 1:
            message[rng.choice(("colour", "", "id", "max_hz", "batch", "symbols", "token"))] = rng.choice(_HOSTILE)
        case 2:
            del message[rng.choice(tuple(message))]
        case 3:
            message["type"] = rng.choice(("Subscribe", "buy", "", "error", "tick", "ping ", "x" * 300))
        case 4:
            names = [f"S{number}" for number in range(rng.choice((1, 11, 300)))]
            message["symbols"] = rng.sample([*names, *SYMBOLS, "*"], len(names))
            if rng.random() < 0.005:
                message["symbols"] = [rng.choice((*SYMBOLS, "X"))] * rng.choice((300, 10_000, 10_001))


def _pack(message: dict[str, Any], encoding: Encoding) -> bytes:
    if encoding is JSON:
        return json.dumps(message, ensure_ascii=False).encode(errors="surrogatepass")
    packed: bytes = msgpack.packb(message)
    return packed


def _with_foreign_value(rng: random.Random, packed: bytes, encoding: Encoding) -> bytes:
    """``packed``, an object, with one field more: something that the encoding has no good use for."""
    if encoding is JSON:
        field: bytes = b'"' + rng.choice((b"id", b"x", b"symbols", b"max_hz")) + b'":' + rng.choice(_RAW_JSON)
        return rng.choice((b"{" + field + b"," + packed[1:], packed[:-1] + b"," + field + b"}"))
    field = msgpack.packb(rng.choice(("id", "x", "symbols", "max_hz"))) + rng.choice(_RAW_MSGPACK)
    return rng.choice(((bytes((packed[0] + 1,)) + field + packed[1:]), bytes((packed[0] + 1,)) + packed[1:] + field))
