"""How messages are written between a user and a gateway: one object for each way that a client may ask for."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from loadtest.protocol import _messages as messages
from loadtest.protocol._frames import BINARY, TEXT
from loadtest.protocol._messages import AnyMessage, Exact, Snapshot, Tick

UNKNOWN_SCALE = -1
"""The scale of a decimal tick that has no price, or no size."""

Decimals = Annotated[str, Meta(pattern=r"^[0-9]{1,16}(\.[0-9]{1,15})?$")]


class DecimalQuote(Struct, frozen=True, kw_only=True, gc=False):
    """One symbol's numbers as exact decimal strings, each with all the decimals of its kind."""

    symbol: str
    seq: Exact
    bid: Decimals | UnsetType = UNSET
    ask: Decimals | UnsetType = UNSET
    bid_size: Decimals | UnsetType = UNSET
    ask_size: Decimals | UnsetType = UNSET
    last: Decimals | UnsetType = UNSET
    volume: Decimals | UnsetType = UNSET
    event_us: Exact | UnsetType = UNSET
    recv_us: Exact


class DecimalTick(DecimalQuote, tag_field="type", tag="tick", frozen=True, kw_only=True, gc=False):
    """A change of one symbol."""


class DecimalSnapshot(DecimalQuote, tag_field="type", tag="snapshot", frozen=True, kw_only=True, gc=False):
    """The last value of one symbol at the time of the subscribe."""


class Encoding:
    """Writes commands, and reads messages into the types of `_messages`."""

    def __init__(
        self,
        opcode: int,
        encode: Callable[[Any], bytes],
        decode: Callable[[bytes], AnyMessage],
        decode_tick: Callable[[bytes], Tick],
        kind: Callable[[bytes], str],
    ) -> None:
        self.opcode = opcode
        """The opcode of its frames, in both directions."""
        self.encode = encode
        self.decode = decode
        """The message of a payload; raises one of `messages.UNREADABLE`."""
        self.decode_tick = decode_tick
        """The tick of one entry of a batch; raises as ``decode`` does."""
        self.kind = kind
        """The ``type`` of a payload that ``decode`` refused; empty if it has none."""


def scaled(quote: DecimalQuote) -> Tick | Snapshot:
    """The same numbers as integers with scales, to be compared with those of other users.

    Raises:
        msgspec.ValidationError: prices or sizes of one tick differ in their decimals, or one exceeds 2^53 - 1.
    """
    price_scale, prices = _scaled(bid=quote.bid, ask=quote.ask, last=quote.last)
    size_scale, sizes = _scaled(bid_size=quote.bid_size, ask_size=quote.ask_size, volume=quote.volume)
    form = Tick if isinstance(quote, DecimalTick) else Snapshot
    return form(
        symbol=quote.symbol, seq=quote.seq, event_us=quote.event_us, recv_us=quote.recv_us,
        price_scale=price_scale, size_scale=size_scale, **prices, **sizes,
    )  # fmt: skip


def _scaled(**texts: str | UnsetType) -> tuple[int, dict[str, int]]:
    numbers: dict[str, int] = {}
    scales: set[int] = set()
    for name, text in texts.items():
        if isinstance(text, str):
            whole, _, decimals = text.partition(".")
            numbers[name] = int(whole + decimals)
            scales.add(len(decimals))
    if len(scales) > 1 or any(number >= 2**53 for number in numbers.values()):
        raise msgspec.ValidationError("decimals that are no scaled integers")
    return max(scales, default=UNKNOWN_SCALE), numbers


_decode_decimal = msgspec.json.Decoder(DecimalTick | DecimalSnapshot | messages.NotAPrice).decode
_decode_decimal_tick = msgspec.json.Decoder(DecimalTick).decode


def _decimal(payload: bytes) -> AnyMessage:
    message = _decode_decimal(payload)
    return scaled(message) if isinstance(message, DecimalQuote) else message


def _decimal_tick(payload: bytes) -> Tick:
    tick = scaled(_decode_decimal_tick(payload))
    assert isinstance(tick, Tick)
    return tick


JSON = Encoding(TEXT, msgspec.json.encode, messages.decode, messages.decode_tick, messages.kind)
DECIMAL = Encoding(TEXT, msgspec.json.encode, _decimal, _decimal_tick, messages.kind)
MSGPACK = Encoding(
    BINARY,
    msgspec.msgpack.encode,
    msgspec.msgpack.Decoder(AnyMessage).decode,
    msgspec.msgpack.Decoder(Tick).decode,
    messages.reads_kind(msgspec.msgpack.Decoder(messages.Kind).decode),
)
