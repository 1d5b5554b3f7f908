"""Ticks, heartbeats and states as bytes on the bus: JSON, typed and checked on the way in.

Any writer to the bus may write anything. So a payload that is too long is refused before it is decoded, and everything
that clients get is encoded anew.
"""

import json
from collections.abc import Callable
from typing import Final

import msgspec

from market.errors import MarketError
from market.prices.symbols import MAX_SYMBOL_BYTES, fits
from market.prices.tick import Tick
from market.wire.status import Heartbeat, States

MAX_TICK_BYTES: Final = 1024
"""Our ticks are half as long at most; those of a newer version may have more fields."""
MAX_HEARTBEAT_BYTES: Final = 128 << 10
"""`market.wire.status.MAX_CHANGES` states with the longest reasons, written in the longest way."""
MAX_STATES_BYTES: Final = 2 << 20
"""Ten thousand symbols, each with a reason of a hundred characters. Decoding so much takes 25 ms at most."""

_encoder = msgspec.json.Encoder()
_tick_decoder = msgspec.json.Decoder(Tick)
_heartbeat_decoder = msgspec.json.Decoder(Heartbeat)
_states_decoder = msgspec.json.Decoder(States)

UNREADABLE = (msgspec.DecodeError, json.JSONDecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise, msgspec's and others': not JSON, not of that shape, not UTF-8, or nested without end."""


class CodecError(MarketError, ValueError):
    """Bytes from the bus that do not match their channel."""


encode_tick: Final[Callable[[Tick], bytes]] = _encoder.encode
"""Encode a tick as JSON, without the fields that the exchange did not give."""


read_tick: Final = _tick_decoder.decode
"""Decode a payload of at most `MAX_TICK_BYTES` whose symbol was checked; raises `UNREADABLE`."""


def decode_tick(payload: bytes) -> Tick:
    """Decode a tick. Unknown fields are ignored, so that a newer poller may add some.

    Raises:
        CodecError: too long, not JSON, a required field missing, a wrong type, or a number out of range.
    """
    if len(payload) > MAX_TICK_BYTES:
        raise CodecError(f"not a tick: {len(payload)} bytes, of {MAX_TICK_BYTES} at most")
    try:
        tick = _tick_decoder.decode(payload)
    except UNREADABLE as error:
        raise CodecError(f"not a tick: {error}") from None
    if not (tick.symbol.isascii() or fits(tick.symbol)):
        raise CodecError(f"not a tick: its symbol is longer than {MAX_SYMBOL_BYTES} bytes")
    return tick


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    """A heartbeat as JSON."""
    return _encoder.encode(heartbeat)


def decode_heartbeat(payload: bytes) -> Heartbeat:
    """The heartbeat of a payload.

    Raises:
        CodecError: not a heartbeat, or too long for one.
    """
    if len(payload) > MAX_HEARTBEAT_BYTES:
        raise CodecError(f"not a heartbeat: {len(payload)} bytes, of {MAX_HEARTBEAT_BYTES} at most")
    try:
        return _heartbeat_decoder.decode(payload)
    except UNREADABLE as error:
        raise CodecError(f"not a heartbeat: {error}") from None


def encode_states(states: States) -> bytes:
    """The states of all symbols as JSON."""
    return _encoder.encode(states)


def decode_states(payload: bytes) -> States:
    """The states of a payload.

    Raises:
        CodecError: not states, or too long for them.
    """
    if len(payload) > MAX_STATES_BYTES:
        raise CodecError(f"not states: {len(payload)} bytes, of {MAX_STATES_BYTES} at most")
    try:
        return _states_decoder.decode(payload)
    except UNREADABLE as error:
        raise CodecError(f"not states: {error}") from None
