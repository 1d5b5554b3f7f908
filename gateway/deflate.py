"""``permessage-deflate`` (RFC 7692): negotiated per connection, compressed once for everybody.

A message compressed with a fresh window can be read by every client that negotiated the extension,
with or without context takeover, so one compression serves a whole cohort, and no connection needs a
window of its own.
"""

import zlib
from collections.abc import Iterable
from typing import Final

LEAST_BYTES: Final = 512
"""Shorter messages are sent as they are: on a single tick compression costs more than it saves."""

_LEVEL: Final = 1
"""A batch of ticks shrinks to about a quarter; level 6 takes more than twice as long to take a sixth off that."""

_WINDOW_BITS: Final = 15
_TAIL: Final = b"\x00\x00\xff\xff"


def compress(payload: bytes) -> bytes:
    """The compressed form of a message (RFC 7692, section 7.2.1), readable without any message before it."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS)
    return (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)


def negotiate(headers: Iterable[str]) -> str:
    """The answer to a client's ``Sec-WebSocket-Extensions`` headers: the first offer that can be met, or "".

    Neither side keeps a window between messages. An offer that wants our window smaller than it is,
    and one with parameters that RFC 7692, section 7.1, does not know, are declined.
    """
    for header in headers:
        for offer in header.split(","):
            name, *parameters = (part.strip() for part in offer.split(";"))
            if name == "permessage-deflate":
                answer = _accept(parameters)
                if answer:
                    return answer
    return ""


def _accept(parameters: list[str]) -> str:
    answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    seen = set()
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        value = value.strip('"')
        match name:
            case "server_no_context_takeover" | "client_no_context_takeover" if not value:
                pass
            case "client_max_window_bits" if not value or _is_window(value):
                pass
            case "server_max_window_bits" if value == str(_WINDOW_BITS):
                answer += f"; server_max_window_bits={_WINDOW_BITS}"
            case _:
                return ""
        if name in seen:
            return ""
        seen.add(name)
    return answer


def _is_window(value: str) -> bool:
    return value in {str(bits) for bits in range(8, _WINDOW_BITS + 1)}
