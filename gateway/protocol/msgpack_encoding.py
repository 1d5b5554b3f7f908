"""MessagePack in binary frames; lengths as in the MessagePack specification ("Formats")."""

from collections.abc import Callable, Collection
from functools import partial

import msgspec

from gateway.protocol.channels import STATS
from gateway.protocol.commands import CommandDecoder
from gateway.protocol.decimal_tick import decimal_tick
from gateway.protocol.encoding import Encoding
from gateway.websocket.framing.frames import BINARY, frame
from market.prices.tick import Tick

_encode = msgspec.msgpack.Encoder().encode


def with_entry(entry: bytes, packed: bytes) -> bytes:
    """A map with one more entry, its first.

    Raises:
        ValueError: ``packed`` is not a map.
    """
    head = packed[0]
    if 0x80 <= head < 0x8F:
        # A fixmap of up to 14 entries has room for one more.
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


_TICK_ENTRY = _encode("type") + _encode("tick")
_STATS_ENTRY = _encode("type") + _encode("stats")
_SNAPSHOT_ENTRY = _encode("type") + _encode("snapshot")
# Maps of two entries, up to the ticks.
_TICKS_HEAD = b"\x82" + b"".join(map(_encode, ("type", "ticks", "ticks")))
_STATS_HEAD = b"\x82" + b"".join(map(_encode, ("type", "stats_batch", "stats")))


def _tick_frame(body: bytes) -> bytes:
    return frame(BINARY, with_entry(_TICK_ENTRY, body))


def _snapshot_frame(body: bytes) -> bytes:
    return frame(BINARY, with_entry(_SNAPSHOT_ENTRY, body))


def _stats_frame(body: bytes) -> bytes:
    return frame(BINARY, with_entry(_STATS_ENTRY, body))


def _array(bodies: Collection[bytes]) -> bytes:
    # array 32: 0xdd, then the length in four bytes.
    return b"\xdd" + len(bodies).to_bytes(4) + b"".join(bodies)


def _batch_payload(bodies: Collection[bytes]) -> bytes:
    return _TICKS_HEAD + _array(bodies)


def _stats_batch_payload(bodies: Collection[bytes]) -> bytes:
    return _STATS_HEAD + _array(bodies)


_in_msgpack = partial(
    Encoding,
    subprotocol="tickgate.v1.msgpack",
    opcode=BINARY,
    decoder=CommandDecoder("MessagePack", msgspec.msgpack.Decoder),
    encode=_encode,
)

_STATS = _in_msgpack(
    tick_body=_encode,
    tick_frame=_stats_frame,
    snapshot_frame=_stats_frame,
    batch_payload=_stats_batch_payload,
    channel=STATS,
)


def _encoding(tick_body: Callable[[Tick], bytes]) -> Encoding:
    return _in_msgpack(
        tick_body=tick_body,
        tick_frame=_tick_frame,
        snapshot_frame=_snapshot_frame,
        batch_payload=_batch_payload,
        others=(_STATS,),
    )


MSGPACK = _encoding(_encode)
MSGPACK.decimal = _encoding(lambda tick: _encode(decimal_tick(tick)))
