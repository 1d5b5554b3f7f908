"""Messages as JSON: commands to text, text to decoded messages."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

NAMES_AT_ONCE: Final = 500
"""Names in one command: well below what a gateway reads in one message."""

_decode: Callable[[str | bytes], Any]
try:
    import msgspec
except ImportError:
    _decode = json.loads
    UNREADABLE: tuple[type[Exception], ...] = (ValueError,)
else:
    _decode = msgspec.json.decode
    UNREADABLE = (ValueError, msgspec.DecodeError)


def encode(message: dict[str, Any]) -> str:
    """The text of a command."""
    return json.dumps(message, separators=(",", ":"))


def decode(text: str | bytes) -> dict[str, Any] | None:
    """The message in ``text``; None if there is none that can be read."""
    try:
        message = _decode(text)
    except UNREADABLE:
        return None
    return message if isinstance(message, dict) else None


def chunks(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """``names`` in pieces of at most `NAMES_AT_ONCE`."""
    every = list(names)
    for start in range(0, len(every), NAMES_AT_ONCE):
        yield every[start : start + NAMES_AT_ONCE]


def venue_of(symbol: str) -> str:
    """The venue of a full name. Names of ``binance`` have none in front."""
    venue, colon, _ = symbol.partition(":")
    return venue if colon else "binance"
