"""Reads an exchange's answer, as far as it is readable."""

from typing import TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder

from market.wire.codec import UNREADABLE
from poller.source import Update

Row = TypeVar("Row")

_rows = Decoder(list[Raw])


class Answer(Struct, frozen=True):
    """The content of an answer with prices."""

    updates: list[Update]
    malformed: int
    """The number of unreadable parts; 1 if the whole answer is unreadable."""


def read_rows(body: bytes, one: Decoder[Row], many: Decoder[list[Row]]) -> tuple[list[Row], int]:
    """Return the readable rows of an object or an array, and the number of unreadable ones."""
    try:
        if body.lstrip().startswith(b"["):
            return many.decode(body), 0
        return [one.decode(body)], 0
    except UNREADABLE:
        return _salvage(body, one)


def _salvage(body: bytes, one: Decoder[Row]) -> tuple[list[Row], int]:
    """Read row by row: one wrong row must not hide the others."""
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
