"""Messages as JSON: commands to text, text to decoded messages."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Final

NAMES_AT_ONCE: Final = 500
"""Names in one command: well below what a gateway reads in one message."""

MESSAGE_BYTES: Final = 200_000
"""A gateway takes messages of 262,144 bytes, unless it is told otherwise."""
_POSITION_BYTES: Final = 30
"""A seq, quotes, colons and commas."""

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


def fitting(names: Sequence[str]) -> Sequence[str]:
    """As many of ``names`` as one message holds together with the position of each."""
    lengths = accumulate(2 * len(name.encode()) + _POSITION_BYTES for name in names)
    return [name for name, length in zip(names, lengths, strict=True) if length <= MESSAGE_BYTES]
