"""Ticks, beats and states as bytes on the bus: JSON, typed and checked on the way in."""

import json

import msgspec

from market.errors import MarketError
from market.status import Beat, States
from market.symbols import MAX_SYMBOL_BYTES, fits
from market.tick import Tick


class _PlainTick(Tick, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A tick without fields of a newer version."""


_encoder = msgspec.json.Encoder()
_plain_tick_decoder = msgspec.json.Decoder(_PlainTick)
_tick_decoder = msgspec.json.Decoder(Tick)
_beat_decoder = msgspec.json.Decoder(Beat)
_states_decoder = msgspec.json.Decoder(States)

UNREADABLE = (msgspec.DecodeError, json.JSONDecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise, msgspec's and others': not JSON, not of that shape, not UTF-8, or nested without end."""

_BRACE = ord("{")


class CodecError(MarketError, ValueError):
    """Bytes from the bus that are not what their channel promises."""


def encode_tick(tick: Tick) -> bytes:
    """A tick as JSON; fields the exchange did not give are absent."""
    return _encoder.encode(tick)


def decode_tick(payload: bytes) -> Tick:
    """The tick of a payload. Unknown fields are ignored, so that a newer poller may add some.

    Raises:
        CodecError: not JSON, a required field missing, a wrong type, or a number out of range.
    """
    try:
        tick = _tick_decoder.decode(payload)
    except UNREADABLE as error:
        raise CodecError(f"not a tick: {error}") from None
    if not fits(tick.symbol):
        raise CodecError(f"not a tick: its symbol is longer than {MAX_SYMBOL_BYTES} bytes")
    return tick


def decode_plain_tick(payload: bytes) -> Tick | None:
    """The tick of a payload that is an object and says nothing beside it, so that it can go on as it came.

    None where there is no tick in it, or more than that: `decode_tick` tells.
    """
    try:
        tick = _plain_tick_decoder.decode(payload)
    except UNREADABLE:
        return None
    # White space may come before the object; whoever cuts the brace off would cut that.
    return tick if payload[0] == _BRACE and (tick.symbol.isascii() or fits(tick.symbol)) else None


def encode_beat(beat: Beat) -> bytes:
    """A beat as JSON."""
    return _encoder.encode(beat)


def decode_beat(payload: bytes) -> Beat:
    """The beat of a payload.

    Raises:
        CodecError: not a beat.
    """
    try:
        return _beat_decoder.decode(payload)
    except UNREADABLE as error:
        raise CodecError(f"not a beat: {error}") from None


def encode_states(states: States) -> bytes:
    """The states of all symbols as JSON."""
    return _encoder.encode(states)


def decode_states(payload: bytes) -> States:
    """The states of a payload.

    Raises:
        CodecError: not states.
    """
    try:
        return _states_decoder.decode(payload)
    except UNREADABLE as error:
        raise CodecError(f"not states: {error}") from None
