"""Ticks, heartbeats and states as bytes on the bus: JSON, typed and checked on the way in.

Any writer to the bus may write anything. So a payload that is too long is refused before it is decoded, and everything
that clients get is encoded anew.
"""

import json
from collections.abc import Callable
from typing import Final, TypeVar

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

UNREADABLE = (msgspec.DecodeError, json.JSONDecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise, msgspec's and others': not JSON, not of that shape, not UTF-8, or nested without end."""


class CodecError(MarketError, ValueError):
    """Bytes from the bus that do not match their channel."""


_Value = TypeVar("_Value")


def bounded(what: str, most_bytes: int, decode: Callable[[bytes], _Value]) -> Callable[[bytes], _Value]:
    """Make a decoder of ``what`` that does not read more than ``most_bytes``.

    It raises `CodecError` if a payload is longer, or if ``decode`` raises one of `UNREADABLE`.
    """

    def read(payload: bytes) -> _Value:
        if len(payload) > most_bytes:
            raise CodecError(f"not {what}: {len(payload)} bytes, of {most_bytes} at most")
        try:
            return decode(payload)
        except UNREADABLE as error:
            raise CodecError(f"not {what}: {error}") from None

    return read


encode_tick: Final[Callable[[Tick], bytes]] = _encoder.encode
"""Encode a tick as JSON, without the fields that the exchange did not give."""


read_tick: Final = _tick_decoder.decode
"""Decode a payload of at most `MAX_TICK_BYTES` whose symbol was checked; raises `UNREADABLE`."""


def decode_tick(payload: bytes) -> Tick:
    """Decode a tick. Unknown fields are ignored, so that a newer poller may add some.

    Raises:
        CodecError: too long, not JSON, a required field missing, a wrong type, or a number out of range.
    """
    # As `bounded` does it, without its call: this runs for every tick of a bus without batches.
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


decode_heartbeat: Final = bounded("a heartbeat", MAX_HEARTBEAT_BYTES, msgspec.json.Decoder(Heartbeat).decode)
"""The heartbeat of a payload; raises `CodecError`."""


def encode_states(states: States) -> bytes:
    """The states of all symbols as JSON."""
    return _encoder.encode(states)


decode_states: Final = bounded("states", MAX_STATES_BYTES, msgspec.json.Decoder(States).decode)
"""The states of a payload; raises `CodecError`."""
