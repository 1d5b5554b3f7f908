"""Rows as text: a table for people, lines for programs. A price is never divided: its digits are only cut."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

from msgspec import UNSET, UnsetType

from deploy.watch.board import LIVE, Row
from market.prices.tick import unscaled
from market.process.printable import printable

NOTHING: Final = "-"
HEAD: Final = ("symbol", "bid", "ask", "last", "age", "state")
_AT_LEFT: Final = (True, False, False, False, False, True)
"""Words begin at the left, figures end at the right."""


def line(row: Row, now_us: int, ahead_us: int = 0) -> str:
    """One row for a program: time, symbol, bid, ask, last, age in seconds, state, source, reason; tabs are between.

    ``ahead_us`` is by how much the clock that ages count by is ahead of ours.
    """
    when = datetime.fromtimestamp(now_us / 1e6, UTC).isoformat(timespec="milliseconds")
    age_s = NOTHING if row.tick is None else f"{_age_us(row, now_us + ahead_us) / 1e6:.3f}"
    what = (printable(row.state or NOTHING), printable(row.source or NOTHING), printable(row.reason))
    return "\t".join((when.replace("+00:00", "Z"), printable(row.symbol), *_prices(row), age_s, *what))


def table(rows: Sequence[Row], now_us: int) -> list[str]:
    """A head, and one line for each row."""
    cells = [HEAD, *(_cells(row, now_us) for row in rows)]
    widths = [max(map(width_of, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(_padded, line, widths, _AT_LEFT)).rstrip() for line in cells]


def width_of(text: str) -> int:
    """The columns of a terminal that ``text`` takes: wide characters two, combining ones none (Unicode, annex 11)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def cut(text: str, width: int) -> str:
    """As much of the beginning of ``text`` as ``width`` columns hold."""
    if text.isascii():
        return text[:width]
    for end, taken in enumerate(accumulate(map(width_of, text))):
        if taken > width:
            return text[:end]
    return text


def _padded(cell: str, width: int, at_left: bool) -> str:
    blanks = " " * (width - width_of(cell))
    return cell + blanks if at_left else blanks + cell


def _cells(row: Row, now_us: int) -> tuple[str, ...]:
    age = NOTHING if row.tick is None else duration(_age_us(row, now_us))
    state = row.state or NOTHING
    if row.reason and row.state != LIVE:
        state = f"{state}: {row.reason}"
    return (printable(row.symbol), *_prices(row), age, printable(state))


def _prices(row: Row) -> tuple[str, str, str]:
    if row.tick is None:
        return (NOTHING, NOTHING, NOTHING)
    scale = row.tick.price_scale
    return _price(row.tick.bid, scale), _price(row.tick.ask, scale), _price(row.tick.last, scale)


def _price(value: int | UnsetType, scale: int) -> str:
    """A price that the exchange did not give is a `NOTHING`."""
    return NOTHING if value is UNSET else unscaled(value, scale)


def _age_us(row: Row, now_us: int) -> int:
    """Since the poller received it; 0 if its clock is ahead of ours."""
    return 0 if row.tick is None else max(0, now_us - row.tick.recv_us)


def duration(us: int) -> str:
    """A duration for people: ``0.4 s``, ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    seconds = us // 1_000_000
    if seconds < 10:
        return f"{seconds}.{us // 100_000 % 10} s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3_600:
        return f"{seconds // 60} min"
    if seconds < 48 * 3_600:
        return f"{seconds // 3_600} h"
    return f"{seconds // 86_400} d"
