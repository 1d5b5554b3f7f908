"""What operators tell all gateways (`market.bus.Orders`)."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from market.wire.codec import UNREADABLE

KICK_S: Final = 3_600.0
"""A kick stands for so long: a gateway without a bus meanwhile obeys it when the bus is back."""

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Kick(Struct, frozen=True, tag="kick"):
    """Close every connection of a subject that began before this was said."""

    subject: Name


class Revoke(Struct, frozen=True, tag="revoke"):
    """Let in no token with this id (the claim ``jti``), and close the connections that such a token opened."""

    token_id: Name


AnyOrder = Kick | Revoke

_decode = msgspec.json.Decoder(AnyOrder).decode
encode_order = msgspec.json.Encoder().encode


def name_of(order: AnyOrder) -> str:
    """The order's name on the bus: a second kick of one subject takes the place of the first."""
    kind: Literal["kick", "revoke"] = "kick" if isinstance(order, Kick) else "revoke"
    return f"{kind}.{order.subject if isinstance(order, Kick) else order.token_id}"


def decode_order(value: bytes) -> AnyOrder | None:
    """The order in what the bus keeps; None if it cannot be read, as one of a newer version."""
    try:
        order: AnyOrder = _decode(value)
    except UNREADABLE:
        return None
    return order
