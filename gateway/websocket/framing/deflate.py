"""``permessage-deflate`` (RFC 7692): negotiated per connection, compressed once for all clients.

A message compressed with a fresh window can be read by every client that negotiated the extension, with or without
context takeover. So one compression serves a whole cohort, and no connection needs a window for what it is sent. For
what clients send see `gateway.websocket.framing.inflate`.
"""

import zlib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

LEAST_BYTES: Final = 512
"""Shorter messages are not compressed: for a single tick it costs more than it saves."""

_LEVEL: Final = 1
"""A batch of ticks shrinks to about a quarter. Level 6 takes more than twice as long and saves a sixth of that."""

_WINDOW_BITS: Final = 15
_WINDOWS: Final = frozenset(str(bits) for bits in range(8, _WINDOW_BITS + 1))
_TAIL: Final = b"\x00\x00\xff\xff"


def compress(payload: bytes) -> bytes:
    """The compressed form of a message (RFC 7692, section 7.2.1); it refers to no earlier message."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS)
    return (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)


class Agreement(Struct, frozen=True):
    """What was negotiated with one client."""

    answer: str
    """The value of ``Sec-WebSocket-Extensions``."""
    window_bytes: int
    """How far back the client's messages may refer to earlier ones; 0 if each stands alone."""


def negotiate(headers: Iterable[str]) -> Agreement | None:
    """The answer to a client's ``Sec-WebSocket-Extensions`` headers: to the first offer that can be met, or None.

    The answer has what was offered and nothing else, although RFC 7692 lets a server add parameters. Some clients fail
    a handshake over a parameter that they did not offer (Netty over ``client_no_context_takeover``, and before about
    4.1.51 over ``server_no_context_takeover`` too). Others fail it over one of theirs that is missing (gorilla). So a
    client that does not offer it may keep its window.

    ``client_max_window_bits`` without a value offers no bound but allows one. We ask for none: Netty compresses with
    any but the largest window only if an optional library is there. We decline an offer that wants a smaller window of
    ours, and one with parameters that RFC 7692, section 7.1, does not know.
    """
    for header in headers:
        for offer in header.split(","):
            name, *parameters = (part.strip() for part in offer.split(";"))
            if name == "permessage-deflate":
                agreement = _accept(parameters)
                if agreement is not None:
                    return agreement
    return None


def _accept(parameters: list[str]) -> Agreement | None:
    answer, window_bytes = "permessage-deflate", 1 << _WINDOW_BITS
    offered: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        name, value = name.rstrip(), value.strip().strip('"')
        match name:
            case "server_no_context_takeover" | "client_no_context_takeover" if not value:
                answer += f"; {name}"
            case "client_max_window_bits" if not value:
                pass
            case "client_max_window_bits" if value in _WINDOWS:
                answer += f"; {name}={value}"
                window_bytes = 1 << int(value)
            case "server_max_window_bits" if value == str(_WINDOW_BITS):
                answer += f"; {name}={value}"
            case _:
                return None
        if name in offered:
            return None
        offered[name] = value
    return Agreement(answer, 0 if "client_no_context_takeover" in offered else window_bytes)
