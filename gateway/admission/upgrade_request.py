"""What a request for a WebSocket asks for, and what a client holds that was let in."""

from typing import Literal

from aiohttp import hdrs
from msgspec import Struct
from multidict import CIMultiDictProxy

from gateway.websocket.handshake import Handshake


class UpgradeRequest(Struct, frozen=True):
    """A valid request for a WebSocket."""

    handshake: Handshake
    address: str
    payer: str | None
    """What its address is counted under and charged to, see `Admission.payer`."""
    to_count: bool
    """Whether it is still to be counted. A connection that no proxy brought was counted when it arrived."""
    token: str | None
    ticket: str | None
    proxied: bool = False
    """Whether a trusted proxy or balancer brought it."""
    path: str = ""
    """What was asked for."""
    again: bool = False
    """Whether the client says that it was connected before: ``attempt`` in the URL is neither empty nor 0."""


class Slot(Struct, gc=False):
    """What a client is counted under and charged to."""

    payer: str | None
    """Its address, see `Admission.payer`."""
    subject: str = ""
    """The subject of its token; empty without a token."""
    is_counted: bool = False
    """Whether its address is counted for it, and is to be counted out at the end."""


NotYet = Literal["to_prove", "by_message"]
"""Why there is no grant yet. ``to_prove``: the token or ticket has still to be checked, which takes time.
``by_message``: the handshake has neither, so the client's first message must bring a token."""


def bearer(headers: CIMultiDictProxy[str]) -> str | None:
    """The token in an ``Authorization`` header (RFC 6750, section 2.1), or None."""
    if hdrs.AUTHORIZATION not in headers:
        return None
    scheme, _, token = headers[hdrs.AUTHORIZATION].partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
