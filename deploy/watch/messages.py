"""What a gateway sends, as types. Prices stay the integers that they are."""

from typing import Final

import msgspec
from msgspec import Struct

from gateway.protocol.messages import (
    Error,
    Expiring,
    Pong,
    ServedSymbols,
    Shutdown,
    Status,
    Subscribed,
    SymbolStatus,
    Unsubscribed,
    Welcome,
)
from market.prices.tick import Tick


class Update(Tick, frozen=True, kw_only=True, tag_field="type", tag="tick"):
    """A change of one symbol."""


class Snapshot(Tick, frozen=True, kw_only=True, tag_field="type", tag="snapshot"):
    """What is known of one symbol when somebody subscribes."""


class Updates(Struct, frozen=True, tag_field="type", tag="ticks"):
    """Changes of several symbols."""

    ticks: list[Tick]


Message = (
    Update
    | Snapshot
    | Updates
    | Status
    | SymbolStatus
    | Subscribed
    | Unsubscribed
    | ServedSymbols
    | Error
    | Expiring
    | Pong
    | Shutdown
    | Welcome
)

_decoder: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message)


def read(text: str) -> Message | None:
    """The message; None if it is one that this version does not know."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return None
