"""WebSocket frames, made once for everybody.

A server's frame is not masked (RFC 6455, section 5.1), so its bytes are the same for every client.
`FramedTick` holds each form of a tick, made when it is first wanted and never again.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Final, Literal

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

    A form is a slot that stays empty until it is read; ``__getattr__`` runs only then, and never again.
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


class Forms:
    """The newest ticks of some symbols, in every form that somebody wants: symbol → bytes, by form."""

    __slots__ = ("_by_form", "ticks")

    def __init__(self, ticks: dict[str, FramedTick]) -> None:
        self.ticks = ticks
        self._by_form: dict[str, dict[str, bytes]] = {}

    def __getitem__(self, form: str) -> dict[str, bytes]:
        """Of every tick the bytes in ``form``, an attribute of `FramedTick`."""
        forms = self._by_form.get(form)
        if forms is None:
            forms = self._by_form[form] = {symbol: getattr(tick, form) for symbol, tick in self.ticks.items()}
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


def form_of(encoding: Encoding, *, batch: bool) -> str:
    """The form of a tick, an attribute of `FramedTick`, that its `joiner` takes."""
    return f"{encoding}_body" if batch else encoding


def joiner(encoding: Encoding, *, batch: bool, deflate: bool = False) -> Join:
    """How a flush becomes bytes: a frame for each tick, or one ``ticks`` frame for all, compressed if so wanted."""
    if not batch:
        return b"".join
    return (_DEFLATED if deflate else _BATCH)[encoding]


def snapshot_frames(ticks: Iterable[FramedTick], encoding: Encoding) -> bytes:
    """A ``snapshot`` frame for each tick."""
    form = f"{encoding}_snapshot"
    return b"".join([getattr(tick, form) for tick in ticks])
