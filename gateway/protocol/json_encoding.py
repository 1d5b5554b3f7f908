"""JSON in text frames."""

from collections.abc import Callable, Collection
from functools import partial

import msgspec

from gateway.protocol.channels import STATS
from gateway.protocol.commands import CommandDecoder
from gateway.protocol.decimal_tick import encode_decimal_tick
from gateway.protocol.encoding import Encoding
from gateway.websocket.framing.frames import TEXT, frame
from market.prices.tick import Tick
from market.wire.codec import encode_tick
from market.wire.stats import encode_stats


def _head(body_size: int) -> bytes:
    """The start of a ``tick`` frame, up to its body, which has ``body_size`` bytes with its opening brace."""
    start = b'{"type":"tick",'
    payload_size = len(start) + body_size - 1
    return frame(TEXT, bytes(payload_size))[:-payload_size] + start


# Ticks have few sizes. The start of the frame is made once for each.
_HEADS = tuple(map(_head, range(1024)))


def _tick_frame(body: bytes) -> bytes:
    size = len(body)
    return (_HEADS[size] if size < len(_HEADS) else _head(size)) + body[1:]


def _snapshot_frame(body: bytes) -> bytes:
    return frame(TEXT, b'{"type":"snapshot",' + body[1:])


def ticks_payload(bodies: Collection[bytes]) -> bytes:
    """A ``ticks`` message of ticks."""
    return b'{"type":"ticks","ticks":[' + b",".join(bodies) + b"]}"


def _stats_frame(body: bytes) -> bytes:
    return frame(TEXT, b'{"type":"stats",' + body[1:])


def stats_payload(bodies: Collection[bytes]) -> bytes:
    """A ``stats_batch`` message of figures."""
    return b'{"type":"stats_batch","stats":[' + b",".join(bodies) + b"]}"


in_json = partial(
    Encoding,
    opcode=TEXT,
    decoder=CommandDecoder("JSON", msgspec.json.Decoder),
    encode=msgspec.json.Encoder().encode,
)
"""An encoding whose messages are JSON text, whatever is around them."""

_in_frames = partial(in_json, subprotocol="tickgate.v1.json")

_STATS = _in_frames(
    tick_body=encode_stats,
    tick_frame=_stats_frame,
    snapshot_frame=_stats_frame,
    batch_payload=stats_payload,
    channel=STATS,
)


def _encoding(tick_body: Callable[[Tick], bytes]) -> Encoding:
    return _in_frames(
        tick_body=tick_body,
        tick_frame=_tick_frame,
        snapshot_frame=_snapshot_frame,
        batch_payload=ticks_payload,
        others=(_STATS,),
    )


JSON = _encoding(encode_tick)
JSON.decimal = _encoding(encode_decimal_tick)
