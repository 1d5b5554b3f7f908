"""JSON in server-sent events (HTML Living Standard, section 9.2): the same messages as in text frames of a WebSocket.

Each message is an event of one line: JSON has no line breaks of its own. The events carry no name, so that one
``onmessage`` gets them all. Behind the ticks of a stream with every tick comes an ``id`` alone. It is no event to a
browser, but what it sends as ``Last-Event-ID`` when it connects again.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from gateway.protocol.channels import STATS
from gateway.protocol.decimal_tick import encode_decimal_tick
from gateway.protocol.encoding import Encoding
from gateway.protocol.json_encoding import in_json, stats_payload, ticks_payload
from market.prices.tick import Tick
from market.wire.codec import encode_tick
from market.wire.stats import encode_stats


def event(data: bytes) -> bytes:
    """An event with one line of ``data``."""
    return b"data: " + data + b"\n\n"


def positions_event(positions: Mapping[str, int]) -> bytes:
    """What `read_positions` reads, as the id of all that came before."""
    return f"id: {written_positions(positions)}\n\n".encode()


def written_positions(positions: Mapping[str, int]) -> str:
    """Symbol → seq of the last tick, as in ``Last-Event-ID`` and in ``since=``: ``BTCUSDT:17,ETHUSDT:4``."""
    return ",".join(f"{symbol}:{seq}" for symbol, seq in positions.items())


def read_positions(text: str) -> dict[str, int] | None:
    """Read what `written_positions` writes; None if it is anything else."""
    positions = {}
    for part in filter(None, text.split(",")):
        # The venue of a symbol ends with a colon too.
        symbol, _, seq = part.rpartition(":")
        if not (symbol and seq.isascii() and seq.isdecimal() and len(seq) <= 16):
            return None
        positions[symbol.strip()] = int(seq)
    return positions


def _tick_frame(body: bytes) -> bytes:
    return b'data: {"type":"tick",' + body[1:] + b"\n\n"


def _snapshot_frame(body: bytes) -> bytes:
    return b'data: {"type":"snapshot",' + body[1:] + b"\n\n"


def _stats_frame(body: bytes) -> bytes:
    return b'data: {"type":"stats",' + body[1:] + b"\n\n"


_in_events: Final = partial(in_json, subprotocol="text/event-stream", wrap=event, pings=False)

_STATS: Final = _in_events(
    tick_body=encode_stats,
    tick_frame=_stats_frame,
    snapshot_frame=_stats_frame,
    batch_payload=stats_payload,
    channel=STATS,
)


def _encoding(tick_body: Callable[[Tick], bytes]) -> Encoding:
    def made() -> Encoding:
        return _in_events(
            tick_body=tick_body,
            tick_frame=_tick_frame,
            snapshot_frame=_snapshot_frame,
            batch_payload=ticks_payload,
            others=(_STATS,),
        )

    events, every = made(), made()
    every.positions, every.partial = positions_event, events
    # The same bytes, which are made once for both.
    every.tick_body, every.tick_frame, every.snapshot_frame = events.tick_body, events.tick_frame, events.snapshot_frame
    events.every = every
    return events


EVENTS: Final = _encoding(encode_tick)
EVENTS.decimal = _encoding(encode_decimal_tick)
