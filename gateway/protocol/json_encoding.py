"""JSON in text frames."""

from collections.abc import Collection

import msgspec

from gateway.protocol.channels import STATS
from gateway.protocol.commands import CommandDecoder
from gateway.protocol.encoding import Encoding
from gateway.websocket.framing.frames import TEXT, frame
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


def _batch_payload(bodies: Collection[bytes]) -> bytes:
    return b'{"type":"ticks","ticks":[' + b",".join(bodies) + b"]}"


def _stats_frame(body: bytes) -> bytes:
    return frame(TEXT, b'{"type":"stats",' + body[1:])


def _stats_batch_payload(bodies: Collection[bytes]) -> bytes:
    return b'{"type":"stats_batch","stats":[' + b",".join(bodies) + b"]}"


_DECODER = CommandDecoder("JSON", msgspec.json.Decoder)
_encode = msgspec.json.Encoder().encode

_STATS = Encoding(
    subprotocol="tickgate.v1.json",
    opcode=TEXT,
    decoder=_DECODER,
    encode=_encode,
    tick_body=encode_stats,
    tick_frame=_stats_frame,
    snapshot_frame=_stats_frame,
    batch_payload=_stats_batch_payload,
    channel=STATS,
)

JSON = Encoding(
    subprotocol="tickgate.v1.json",
    opcode=TEXT,
    decoder=_DECODER,
    encode=_encode,
    tick_body=encode_tick,
    tick_frame=_tick_frame,
    snapshot_frame=_snapshot_frame,
    batch_payload=_batch_payload,
    others=(_STATS,),
)
