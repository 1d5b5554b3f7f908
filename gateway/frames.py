"""WebSocket frames, made once for everybody.

A server's frame is not masked (RFC 6455, section 5.1), so its bytes are the same for every client.
`FramedTick` holds each form of a tick, made when it is first wanted and never again.
"""

from collections.abc import Callable, Collection, Iterable
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec

from gateway.deflate import LEAST_BYTES, compress
from gateway.protocol import Message
from market.codec import encode_tick
from market.tick import Tick

Encoding = Literal["json", "msgpack"]

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FIN: Final = 0x80
_RSV1: Final = 0x40

_json_encode = msgspec.json.Encoder().encode
_msgpack_encode = msgspec.msgpack.Encoder().encode


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole unmasked frame (RFC 6455, section 5.2). ``opcode`` may carry reserved bits."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 65536:
        return bytes((_FIN | opcode, 126)) + size.to_bytes(2) + payload
    return bytes((_FIN | opcode, 127)) + size.to_bytes(8) + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close frame (RFC 6455, section 5.5.1); a ``code`` of 0 gives none. ``reason`` is cut to what fits."""
    if not code:
        return frame(CLOSE, b"")
    return frame(CLOSE, code.to_bytes(2) + reason.encode()[:123].decode(errors="ignore").encode())


def message_frame(message: Message, encoding: Encoding) -> bytes:
    """The frame of any message that is not a tick or a snapshot."""
    if encoding == "json":
        return frame(TEXT, _json_encode(message))
    return frame(BINARY, _msgpack_encode(message))


class FramedTick:
    """A tick with its bytes in every form that somebody wants.

    A form is a slot that stays empty until it is read; ``__getattr__`` runs only then. After that,
    reading it costs what reading any attribute costs, in a loop that runs for every cohort.
    """

    __slots__ = (
        "json", "json_body", "json_snapshot", "msgpack", "msgpack_body", "msgpack_snapshot",
        "seq", "stamp", "symbol", "tick",
    )  # fmt: skip

    json: bytes
    """A whole ``tick`` frame. ``json_body`` is the tick alone, for a batch; likewise in MessagePack."""
    json_body: bytes
    json_snapshot: bytes
    msgpack: bytes
    msgpack_body: bytes
    msgpack_snapshot: bytes

    def __init__(self, tick: Tick) -> None:
        self.tick = tick
        self.symbol = tick.symbol
        self.seq = tick.seq
        self.stamp = 0
        """The hub's count of ticks when this one was published; orders ticks across symbols."""

    def __getattr__(self, name: str) -> bytes:
        make = _FORMS.get(name)
        if make is None:
            raise AttributeError(name)
        form = make(self)
        setattr(self, name, form)
        return form


def _typed_json(tag: bytes) -> Callable[[FramedTick], bytes]:
    head = b'{"type":"' + tag + b'",'
    return lambda tick: frame(TEXT, head + tick.json_body[1:])


def _typed_msgpack(tag: str) -> Callable[[FramedTick], bytes]:
    entry = _msgpack_encode("type") + _msgpack_encode(tag)
    # A tick has at most 12 fields, so its map is a fixmap (MessagePack specification: 0x80 + size),
    # and with the type added it still is.
    return lambda tick: frame(BINARY, bytes((tick.msgpack_body[0] + 1,)) + entry + tick.msgpack_body[1:])


_FORMS: dict[str, Callable[[FramedTick], bytes]] = {
    "json_body": lambda framed: encode_tick(framed.tick),
    "json": _typed_json(b"tick"),
    "json_snapshot": _typed_json(b"snapshot"),
    "msgpack_body": lambda framed: _msgpack_encode(framed.tick),
    "msgpack": _typed_msgpack("tick"),
    "msgpack_snapshot": _typed_msgpack("snapshot"),
}

Join = Callable[[Collection[FramedTick]], bytes]
"""Many ticks to the bytes that carry them."""


def _concatenate(form: str) -> Join:
    get: Callable[[FramedTick], Any] = attrgetter(form)
    return lambda ticks: b"".join(map(get, ticks))


def _batch_json(ticks: Collection[FramedTick]) -> bytes:
    return b'{"type":"ticks","ticks":[' + b",".join([tick.json_body for tick in ticks]) + b"]}"


_TICKS_HEAD = b"\x82" + b"".join(map(_msgpack_encode, ("type", "ticks", "ticks")))


def _batch_msgpack(ticks: Collection[FramedTick]) -> bytes:
    # array 32 (MessagePack specification): 0xdd, then the length in four bytes.
    return _TICKS_HEAD + b"\xdd" + len(ticks).to_bytes(4) + b"".join([tick.msgpack_body for tick in ticks])


def _framed(batch: Join, opcode: int) -> Join:
    return lambda ticks: frame(opcode, batch(ticks))


def _deflated(join: Join, opcode: int) -> Join:
    def deflate(ticks: Collection[FramedTick]) -> bytes:
        payload = join(ticks)
        if len(payload) < LEAST_BYTES:
            return frame(opcode, payload)
        return frame(_RSV1 | opcode, compress(payload))

    return deflate


_SINGLE: dict[Encoding, Join] = {"json": _concatenate("json"), "msgpack": _concatenate("msgpack")}
_BATCH: dict[Encoding, Join] = {"json": _framed(_batch_json, TEXT), "msgpack": _framed(_batch_msgpack, BINARY)}
_DEFLATED: dict[Encoding, Join] = {"json": _deflated(_batch_json, TEXT), "msgpack": _deflated(_batch_msgpack, BINARY)}
_SNAPSHOTS: dict[Encoding, Join] = {
    "json": _concatenate("json_snapshot"),
    "msgpack": _concatenate("msgpack_snapshot"),
}


def joiner(encoding: Encoding, *, batch: bool, deflate: bool = False) -> Join:
    """How a flush becomes bytes: a frame for each tick, or one ``ticks`` frame for all, compressed if so wanted."""
    if not batch:
        return _SINGLE[encoding]
    return (_DEFLATED if deflate else _BATCH)[encoding]


def snapshot_frames(ticks: Iterable[FramedTick], encoding: Encoding) -> bytes:
    """A ``snapshot`` frame for each tick."""
    return _SNAPSHOTS[encoding](list(ticks))
