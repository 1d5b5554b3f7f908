"""What an answer of an exchange says, as far as it can be read."""

from typing import TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder

from market.wire.codec import UNREADABLE
from poller.source import Update

Row = TypeVar("Row")

_rows = Decoder(list[Raw])


class Answer(Struct, frozen=True):
    """What an answer with prices says."""

    updates: list[Update]
    malformed: int
    """Parts of it, or the whole, that could not be understood."""


def read_rows(body: bytes, one: Decoder[Row], many: Decoder[list[Row]]) -> tuple[list[Row], int]:
    """The rows of an object or an array that can be understood, and how many cannot."""
    try:
        if body.lstrip().startswith(b"["):
            return many.decode(body), 0
        return [one.decode(body)], 0
    except UNREADABLE:
        return _salvage(body, one)


def _salvage(body: bytes, one: Decoder[Row]) -> tuple[list[Row], int]:
    """One wrong row must not blind us to the others."""
    try:
        raws = _rows.decode(body)
    except UNREADABLE:
        return [], 1
    rows, malformed = [], 0
    for raw in raws:
        try:
            rows.append(one.decode(raw))
        except UNREADABLE:
            malformed += 1
    return rows, malformed
