"""WebSocket frames, made once for everybody.

A server's frame is not masked (RFC 6455, section 5.1), so its bytes are the same for every client.
`FramedTick` holds each form of a tick, made when it is first wanted and never again. It is made of what the tick says,
not of the bytes that it came in: those may be anybody's.
"""

import struct
from collections.abc import Callable, Collection, Iterable
from typing import Final, Literal

import msgspec
from msgspec import Struct

from gateway.deflate import LEAST_BYTES, compress
from gateway.protocol import Message, SymbolStatus
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

_head_16 = struct.Struct(">BBH").pack
_head_64 = struct.Struct(">BBQ").pack

_json_encode = msgspec.json.Encoder().encode
_msgpack_encode = msgspec.msgpack.Encoder().encode


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole unmasked frame (RFC 6455, section 5.2). ``opcode`` may carry reserved bits."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 65536:
        return _head_16(_FIN | opcode, 126, size) + payload
    return _head_64(_FIN | opcode, 127, size) + payload


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


class FramedTick(Struct, gc=False, eq=False):
    """A tick with its bytes in every form that somebody wanted so far; `Form`s make and keep them."""

    symbol: str
    seq: int
    tick: Tick
    """Decoded, whatever it came in: so every form is canonical. One that nobody wants is never encoded."""
    stamp: int = 0
    """The hub's count of ticks when this one was published; orders ticks across symbols."""
    json: bytes | None = None
    json_body: bytes | None = None
    json_snapshot: bytes | None = None
    msgpack: bytes | None = None
    msgpack_body: bytes | None = None
    msgpack_snapshot: bytes | None = None


class FramedStatus(Struct, gc=False, eq=False):
    """The state of a symbol, with its frame in each encoding that somebody wanted so far."""

    message: SymbolStatus
    stamp: int = 0
    """As of `FramedTick`, and of the same count: orders states and ticks."""
    json: bytes | None = None
    msgpack: bytes | None = None

    def frame(self, encoding: Encoding) -> bytes:
        """A whole ``symbol_status`` frame."""
        form = self.json if encoding == "json" else self.msgpack
        if form is None:
            form = message_frame(self.message, encoding)
            if encoding == "json":
                self.json = form
            else:
                self.msgpack = form
        return form


Form = Callable[[FramedTick], bytes]
"""Gives a tick's bytes in one form, making them if nobody wanted them before."""


def json_body(tick: FramedTick) -> bytes:
    """The tick alone, for a batch."""
    form = tick.json_body
    if form is None:
        form = tick.json_body = encode_tick(tick.tick)
    return form


def json(tick: FramedTick) -> bytes:
    """A whole ``tick`` frame."""
    form = tick.json
    if form is None:
        body = json_body(tick)
        size = len(body)
        head = _JSON_HEADS[size] if size < len(_JSON_HEADS) else _json_head(size)
        form = tick.json = head + body[1:]
    return form


def json_snapshot(tick: FramedTick) -> bytes:
    """A whole ``snapshot`` frame."""
    form = tick.json_snapshot
    if form is None:
        form = tick.json_snapshot = frame(TEXT, b'{"type":"snapshot",' + json_body(tick)[1:])
    return form


def msgpack_body(tick: FramedTick) -> bytes:
    """The tick alone in MessagePack."""
    form = tick.msgpack_body
    if form is None:
        form = tick.msgpack_body = _msgpack_encode(tick.tick)
    return form


def msgpack(tick: FramedTick) -> bytes:
    """A whole ``tick`` frame in MessagePack."""
    form = tick.msgpack
    if form is None:
        form = tick.msgpack = frame(BINARY, _typed_msgpack(_TICK_ENTRY, tick))
    return form


def msgpack_snapshot(tick: FramedTick) -> bytes:
    """A whole ``snapshot`` frame in MessagePack."""
    form = tick.msgpack_snapshot
    if form is None:
        form = tick.msgpack_snapshot = frame(BINARY, _typed_msgpack(_SNAPSHOT_ENTRY, tick))
    return form


def _json_head(body_size: int) -> bytes:
    """A ``tick`` frame up to where its body goes on, of ``body_size`` bytes with the brace it opens with."""
    start = b'{"type":"tick",'
    payload_size = len(start) + body_size - 1
    return frame(TEXT, bytes(payload_size))[:-payload_size] + start


# Ticks are of a few sizes; what is before them is made once for each.
_JSON_HEADS = tuple(map(_json_head, range(1024)))

_TICK_ENTRY = _msgpack_encode("type") + _msgpack_encode("tick")
_SNAPSHOT_ENTRY = _msgpack_encode("type") + _msgpack_encode("snapshot")


def _typed_msgpack(entry: bytes, tick: FramedTick) -> bytes:
    return with_entry(entry, msgpack_body(tick))


def with_entry(entry: bytes, packed: bytes) -> bytes:
    """A map in MessagePack with one entry more, its first (MessagePack specification, "map format family").

    Raises:
        ValueError: ``packed`` is no map.
    """
    head = packed[0]
    if 0x80 <= head < 0x8F:
        # A fixmap of up to 14 entries, which has room for one more.
        return bytes((head + 1,)) + entry + packed[1:]
    if head == 0x8F:
        size, rest = 15, packed[1:]
    elif head == 0xDE:
        size, rest = int.from_bytes(packed[1:3]), packed[3:]
    elif head == 0xDF:
        size, rest = int.from_bytes(packed[1:5]), packed[5:]
    else:
        raise ValueError(f"not a map in MessagePack: it begins with 0x{head:02x}")
    size += 1
    return (b"\xde" + size.to_bytes(2) if size < 65536 else b"\xdf" + size.to_bytes(4)) + entry + rest


class Forms:
    """The newest ticks of some symbols, in every form that somebody wants: symbol → bytes, by form."""

    __slots__ = ("_by_form", "ticks")

    def __init__(self, ticks: dict[str, FramedTick]) -> None:
        self.ticks = ticks
        self._by_form: dict[Form, dict[str, bytes]] = {}

    def __getitem__(self, form: Form) -> dict[str, bytes]:
        """Of every tick the bytes in ``form``."""
        forms = self._by_form.get(form)
        if forms is None:
            forms = self._by_form[form] = dict(zip(self.ticks, map(form, self.ticks.values()), strict=True))
        return forms


Join = Callable[[Collection[bytes]], bytes]
"""Many ticks, in the form of `form_of`, to the bytes that carry them."""


def _batch_json(bodies: Collection[bytes]) -> bytes:
    return b'{"type":"ticks","ticks":[' + b",".join(bodies) + b"]}"


_TICKS_HEAD = b"\x82" + b"".join(map(_msgpack_encode, ("type", "ticks", "ticks")))


def _batch_msgpack(bodies: Collection[bytes]) -> bytes:
    # array 32 (MessagePack specification): 0xdd, then the length in four bytes.
    return _TICKS_HEAD + b"\xdd" + len(bodies).to_bytes(4) + b"".join(bodies)


def _framed(batch: Join, opcode: int) -> Join:
    return lambda bodies: frame(opcode, batch(bodies))


def _deflated(batch: Join, opcode: int) -> Join:
    def deflate(bodies: Collection[bytes]) -> bytes:
        payload = batch(bodies)
        if len(payload) < LEAST_BYTES:
            return frame(opcode, payload)
        return frame(_RSV1 | opcode, compress(payload))

    return deflate


_BATCH: dict[Encoding, Join] = {"json": _framed(_batch_json, TEXT), "msgpack": _framed(_batch_msgpack, BINARY)}
_DEFLATED: dict[Encoding, Join] = {"json": _deflated(_batch_json, TEXT), "msgpack": _deflated(_batch_msgpack, BINARY)}


_FORMS: dict[tuple[Encoding, bool], Form] = {
    ("json", False): json,
    ("json", True): json_body,
    ("msgpack", False): msgpack,
    ("msgpack", True): msgpack_body,
}


def form_of(encoding: Encoding, *, batch: bool) -> Form:
    """The form of a tick that its `joiner` takes."""
    return _FORMS[encoding, batch]


def joiner(encoding: Encoding, *, batch: bool, deflate: bool = False) -> Join:
    """How a flush becomes bytes: a frame for each tick, or one ``ticks`` frame for all, compressed if so wanted."""
    if not batch:
        return b"".join
    return (_DEFLATED if deflate else _BATCH)[encoding]


def snapshot_frames(ticks: Iterable[FramedTick], encoding: Encoding) -> bytes:
    """A ``snapshot`` frame for each tick."""
    return b"".join(map(json_snapshot if encoding == "json" else msgpack_snapshot, ticks))
