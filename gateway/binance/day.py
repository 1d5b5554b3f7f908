"""The figures of a symbol's last 24 hours, as Binance writes them in streams and in REST.

An exchange does not say everything at any time: Binance's own ``miniTicker`` has six of the figures. What follows from
those is computed. What does not has the value that Binance gives it where nothing was traded.
"""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from gateway.binance.decimals import ZERO, change, mean, padded, percent
from market.prices.stats import Stats

_DAY_US: Final = 86_400_000_000
_NO_TRADE: Final = -1


class Day(Struct, gc=False):
    """Figures of 24 hours. Times are in microseconds."""

    symbol: str
    at_us: int
    open: str
    high: str
    low: str
    last: str
    volume: str
    quote_volume: str


class WholeDay(Day, gc=False):
    """The same with those that not every source has."""

    change: str
    percent: str
    mean: str
    before: str
    """The price before the 24 hours; zero if it is not known."""
    last_size: str
    """The size of the newest trade; zero if it is not known."""
    open_us: int
    close_us: int
    first_id: int
    """The first trade's number; -1 if it is not known."""
    last_id: int
    trades: int
    """How many there were; zero if it is not known."""


def day_of(stats: Stats) -> Day | None:
    """The figures that every source has; None if one is missing."""
    known = (stats.open, stats.high, stats.low, stats.last, stats.volume, stats.quote_volume)
    if any(text is UNSET for text in known):
        return None
    return Day(stats.symbol, stats.ts_us, *map(_padded, known))


def whole_day_of(stats: Stats) -> WholeDay | None:
    """All figures; None if one is missing that does not follow from the others."""
    day = day_of(stats)
    if day is None:
        return None
    close_us = _or(stats.close_us, stats.ts_us)
    return WholeDay(
        symbol=day.symbol,
        at_us=day.at_us,
        open=day.open,
        high=day.high,
        low=day.low,
        last=day.last,
        volume=day.volume,
        quote_volume=day.quote_volume,
        change=change(day.last, day.open) if stats.change is UNSET else padded(stats.change),
        percent=percent(day.last, day.open) if stats.change_percent is UNSET else stats.change_percent,
        mean=mean(day.quote_volume, day.volume) if stats.weighted is UNSET else padded(stats.weighted),
        before=_padded(stats.prev_close),
        last_size=_padded(stats.last_size),
        open_us=_or(stats.open_us, close_us - _DAY_US),
        close_us=close_us,
        first_id=_or(stats.first_id, _NO_TRADE),
        last_id=_or(stats.last_id, _NO_TRADE),
        trades=_or(stats.trades, 0),
    )


def _padded(text: str | UnsetType) -> str:
    return ZERO if text is UNSET else padded(text)


def _or(value: int | UnsetType, other: int) -> int:
    return other if value is UNSET else value
