"""The URL of a request: which streams it names, and how their messages are to be written.

Released clients write it in their own ways, and Binance takes them all: percent-encoded names, ``timeUnit`` behind a
second question mark, a number where a name stands (``/stream/0``), an empty list.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

PREFIX: Final = "/binance"
"""The path of everything of this package, except under the names of ``BINANCE_COMPAT_HOSTS``."""

REST_PATH: Final = "/api/v3/"

_RAW: Final = ("/ws", "/streams/ws")
"""``ccxt`` takes a socket for one of spot only where its URL holds ``/stream``; the second form does."""
_COMBINED: Final = "/stream"

_MICRO: Final = {"MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}

TIME_UNIT: Final = "timeUnit"


class Target(Struct, frozen=True):
    """What a request for a WebSocket asks for."""

    names: Sequence[str]
    """The streams, in order, as they are written."""
    combined: bool
    """Whether messages are wrapped, with the stream's name."""
    micro: bool
    """Whether times are in microseconds."""
    query: Mapping[str, str]
    """The parameters, also those behind a second question mark."""


class BadTargetError(ValueError):
    """A parameter that cannot be used; the message says which and why."""


def is_stream_path(path: str) -> bool:
    """Whether a WebSocket is at ``path``, which has no prefix any more."""
    return any(path == one or path.startswith(f"{one}/") for one in (*_RAW, _COMBINED))


def parse(path: str, query: str) -> Target:
    """Read a ``path`` of streams and a ``query``, both as they were sent, without prefix.

    Raises:
        BadTargetError: a parameter cannot be used.
    """
    # A second question mark begins further parameters, inside the value of the last one.
    parameters = dict(parse_qsl(query.replace("?", "&"), keep_blank_values=True))
    unit = parameters.get(TIME_UNIT, "MILLISECOND")
    if unit not in _MICRO:
        raise BadTargetError(f"timeUnit is MILLISECOND or MICROSECOND, not {unit[:40]}")
    # The longest first: "/stream" begins "/streams/ws" too.
    head = next(one for one in (_RAW[1], *_RAW, _COMBINED) if path == one or path.startswith(f"{one}/"))
    written = [unquote(part) for part in path[len(head) :].split("/")]
    combined = head == _COMBINED
    if combined:
        written += parameters.get("streams", "").split("/")
    names = tuple(dict.fromkeys(name for name in written if name and not name.isdecimal()))
    return Target(names, combined, _MICRO[unit], parameters)
