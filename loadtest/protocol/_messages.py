"""What a gateway sends, typed as strictly as a suspicious client can; docs/protocol.md describes the protocol."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

Exact = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Scale = Annotated[int, Meta(ge=0, le=15)]


class Quote(Struct, frozen=True, kw_only=True, gc=False):
    """One symbol's numbers, as a tick or a snapshot carries them: integers only."""

    symbol: str
    seq: Exact
    bid: Exact | UnsetType = UNSET
    ask: Exact | UnsetType = UNSET
    bid_size: Exact | UnsetType = UNSET
    ask_size: Exact | UnsetType = UNSET
    last: Exact | UnsetType = UNSET
    volume: Exact | UnsetType = UNSET
    price_scale: Scale
    size_scale: Scale
    event_us: Exact | UnsetType = UNSET
    recv_us: Exact


class Tick(Quote, tag_field="type", tag="tick", frozen=True, kw_only=True, gc=False):
    """A change of one symbol."""


class Snapshot(Quote, tag_field="type", tag="snapshot", frozen=True, kw_only=True, gc=False):
    """The last value of one symbol at the time of the subscribe."""


class Ticks(Struct, tag_field="type", tag="ticks", frozen=True):
    """A batch: every tick of one flush, still as bytes, so that each can be looked up."""

    ticks: list[Raw]


class Welcome(Struct, tag_field="type", tag="welcome", frozen=True):
    """The first message of a connection."""

    client: str
    heartbeat_s: float


class Subscribed(Struct, tag_field="type", tag="subscribed", frozen=True):
    """The symbols of a subscribe that are now held."""

    symbols: list[str]


class Unsubscribed(Struct, tag_field="type", tag="unsubscribed", frozen=True):
    """The symbols of an unsubscribe that are no longer held."""

    symbols: list[str]


class Status(Struct, tag_field="type", tag="status", frozen=True):
    """Whether the gateway's prices are live."""

    feed: Literal["live", "stale"]
    reason: str
    source: str
    since_us: int


class SymbolStatus(Struct, tag_field="type", tag="symbol_status", frozen=True):
    """Whether the price of one symbol is current."""

    symbol: str
    state: Literal["live", "stale", "halted", "delisted", "unknown"]
    reason: str
    since_us: Exact


class Lag(Struct, tag_field="type", tag="lag", frozen=True):
    """Ticks were conflated because this client was slow."""

    conflated: int


class Pong(Struct, tag_field="type", tag="pong", frozen=True):
    """The answer to a ping."""


class Heartbeat(Struct, tag_field="type", tag="heartbeat", frozen=True):
    """A stream is alive."""


class Expiring(Struct, tag_field="type", tag="expiring", frozen=True):
    """The token ends soon."""

    expires_us: Exact


class Authenticated(Struct, tag_field="type", tag="authenticated", frozen=True):
    """Another token counts from now on."""

    subject: str


class Closed(Struct, tag_field="type", tag="closed", frozen=True):
    """The last event of a stream that the gateway ends."""

    code: int


class Error(Struct, tag_field="type", tag="error", frozen=True):
    """A request was refused."""

    code: str
    message: str


class Shutdown(Struct, tag_field="type", tag="shutdown", frozen=True):
    """This gateway is going away: connect again after this many milliseconds."""

    reconnect_after_ms: Annotated[int, Meta(ge=0)]


NotAPrice = (
    Ticks
    | Welcome
    | Subscribed
    | Unsubscribed
    | Status
    | SymbolStatus
    | Lag
    | Pong
    | Heartbeat
    | Expiring
    | Authenticated
    | Closed
    | Error
    | Shutdown
)
AnyMessage = Tick | Snapshot | NotAPrice


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The errors of decoders: not JSON, not of that shape, not UTF-8, or nested without end."""


class Kind(Struct):
    """Of any message only what it is."""

    type: str


_decoder = msgspec.json.Decoder(AnyMessage)
_tick_decoder = msgspec.json.Decoder(Tick)


def decode(payload: bytes) -> AnyMessage:
    """The message of a payload.

    Raises:
        UNREADABLE: not JSON, an unknown ``type``, or a field of the wrong kind.
    """
    message: AnyMessage = _decoder.decode(payload)
    return message


def decode_tick(payload: bytes) -> Tick:
    """The tick of one entry of a batch; raises as `decode` does."""
    return _tick_decoder.decode(payload)


def reads_kind(decode: Callable[[bytes], Kind]) -> Callable[[bytes], str]:
    """Make what reads the ``type`` of a payload that was refused: empty if it has none."""

    def kind(payload: bytes) -> str:
        try:
            return decode(payload).type
        except UNREADABLE:
            return ""

    return kind


kind = reads_kind(msgspec.json.Decoder(Kind).decode)
"""The ``type`` of a payload that `decode` refused."""
