"""What gateways and pollers say of themselves to operators, every few seconds (`market.bus.Presence`)."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from market.wire.codec import UNREADABLE

Word = Annotated[str, Meta(max_length=200)]


class Present(Struct, frozen=True, kw_only=True, tag_field="role"):
    """One process. Rates are of the time since it last said something."""

    name: Word
    """Short, and of no other process. Clients of a gateway are told it."""
    host: Word
    pid: int
    version: Word
    started_us: int
    """Unix time, microseconds; as in all fields with this ending."""
    sent_us: int
    cpu: float
    """The share of a core that it uses, 1 being all of it."""


class GatewayPresent(Present, frozen=True, kw_only=True, tag="gateway"):
    """A gateway."""

    address: Word
    """Where operators can ask it: ``host:port``, as it was told to listen."""
    state: Literal["serving", "waiting", "draining"]
    """``waiting``: it has no last values yet."""
    stale: list[Word]
    """Venues whose prices are stale here."""
    venues: list[Word]
    clients: int
    slow: int
    """Clients that do not drain, of these."""
    symbols: int
    ticks_in: float
    """Ticks from the bus, a second."""
    ticks_out: float
    """Ticks and snapshots to clients, a second, each client counted."""
    conflated: float
    """Ticks that a newer one replaced, a second."""
    cut_off: int
    """Clients cut off so far."""
    buffered: int
    """Bytes kept for clients."""


class PollerPresent(Present, frozen=True, kw_only=True, tag="poller"):
    """A poller."""

    venue: Word
    state: Literal["starting", "leading", "standing by", "bus down"]
    link: Literal["up", "down"]
    """Whether prices arrive from its exchange."""
    source: Word
    reason: Word
    """Why the link is down, or what is unusual."""
    symbols: int
    published: float
    """Ticks a second."""
    waiting: int
    """Ticks that the bus has not taken."""
    failures: int
    """Publishes that the bus did not take, so far."""
    since_us: int | UnsetType = UNSET
    """Since when the link is what it is."""


AnyPresent = GatewayPresent | PollerPresent

_decode = msgspec.json.Decoder(AnyPresent).decode
encode_present = msgspec.json.Encoder().encode


def decode_presents(values: Mapping[str, bytes]) -> list[AnyPresent]:
    """The processes in what the bus keeps, in the order of their names; what cannot be read is left out."""
    found: list[AnyPresent] = []
    for _, value in sorted(values.items()):
        try:
            found.append(_decode(value))
        except UNREADABLE:
            continue
    return found
