"""The figures of a symbol's last 24 hours, as the exchange wrote them.

They are for people and for programs that expect the exchange's own text, so they are decimal strings, to the digit.
What the exchange did not give is `UNSET`, and absent on the wire.
"""

import re
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from market.prices.tick import MAX_EXACT, Exact, SymbolName

_PATTERN: Final = r"^-?[0-9]{1,30}(\.[0-9]{1,30})?\Z"
_DECIMAL: Final = re.compile(_PATTERN, re.ASCII)

Decimal = Annotated[str, Meta(pattern=_PATTERN)]
"""A plain decimal number, perhaps negative."""
Text = Decimal | UnsetType
Whole = Exact | UnsetType


class Stats(Struct, frozen=True, kw_only=True, gc=False):
    """The figures of one symbol over the last 24 hours. Only the symbol and the time are always there.

    Without any figure it says that none is known now.
    """

    symbol: SymbolName
    """The symbol's full name."""
    ts_us: Exact
    """When the exchange sent them, or when they were received if it does not say; microseconds since the Unix epoch."""
    open: Text = UNSET
    """The price 24 hours ago."""
    high: Text = UNSET
    """The highest price."""
    low: Text = UNSET
    """The lowest price."""
    last: Text = UNSET
    """The newest price."""
    volume: Text = UNSET
    """What was traded, in the base asset."""
    quote_volume: Text = UNSET
    """What was traded, in the quote asset."""
    change: Text = UNSET
    """``last`` less ``open``."""
    change_percent: Text = UNSET
    """The same in percent of ``open``."""
    weighted: Text = UNSET
    """The mean price, weighted by volume."""
    prev_close: Text = UNSET
    """The last price before the 24 hours."""
    last_size: Text = UNSET
    """The size of the newest trade."""
    open_us: Whole = UNSET
    """Where the 24 hours begin, microseconds since the Unix epoch."""
    close_us: Whole = UNSET
    """Where they end, microseconds since the Unix epoch."""
    first_id: Whole = UNSET
    """The number of the first trade in them."""
    last_id: Whole = UNSET
    """The number of the newest trade."""
    trades: Whole = UNSET
    """How many trades there were."""


NUMBERS: Final = (
    "open", "high", "low", "last", "volume", "quote_volume", "change", "change_percent", "weighted", "prev_close",
    "last_size",
)  # fmt: skip
"""The fields that are decimal strings."""


WHOLES: Final = ("open_us", "close_us", "first_id", "last_id", "trades")
"""The fields that are integers, if they are there."""


LATE_US: Final = 60_000_000
"""See `is_late`."""


def is_decimal(text: object) -> bool:
    """Whether ``text`` may be one of the `NUMBERS`."""
    return isinstance(text, str) and _DECIMAL.match(text) is not None


def _is_whole(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_EXACT


def readable(stats: Stats) -> tuple[Stats, tuple[str, ...]]:
    """``stats`` without the fields that are none, and the names of those; an exchange may write anything."""
    wrong = [name for name in NUMBERS if (text := getattr(stats, name)) is not UNSET and not is_decimal(text)]
    wrong += [name for name in WHOLES if (its := getattr(stats, name)) is not UNSET and not _is_whole(its)]
    return (msgspec.structs.replace(stats, **dict.fromkeys(wrong, UNSET)) if wrong else stats), tuple(wrong)


def is_late(stats: Stats, held: Stats) -> bool:
    """Whether ``stats`` are older than those ``held`` of the same symbol, and must not replace them.

    `nothing_known` is never late, and behind it any are new: they are of another source, and clocks differ. If they are
    older by more than `LATE_US`, the exchange's clock was set back.
    """
    return UNSET not in (held.last, stats.last) and 0 < held.ts_us - stats.ts_us <= LATE_US


def nothing_known(symbol: str, ts_us: int) -> Stats:
    """What says that no figure of ``symbol`` is known now."""
    return Stats(symbol=symbol, ts_us=ts_us)
