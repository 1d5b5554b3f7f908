"""The figures of 24 hours of a simulated symbol, written as Binance does: with eight decimals, percent with three.

The day has no end: its beginning moves on, and what was traded at first is never left out.
"""

from typing import Final

from market.prices.instruments import Scales
from market.prices.stats import Stats

_DAY_US: Final = 86_400_000_000
_DECIMALS: Final = 8


class Day:
    """One symbol's day. All numbers are integers at the symbol's scales."""

    def __init__(self, symbol: str, scales: Scales, start: int, volume: int, trades: int) -> None:
        """Begin at the price ``start``, at which ``volume`` was traded in so many ``trades``."""
        self._symbol = symbol
        self._scales = scales
        self._open = self._high = self._low = start
        self._volume = volume
        self._value = start * volume
        self._trades = trades

    def traded(self, price: int, size: int, now_us: int) -> Stats:
        """The figures after a trade."""
        self._high, self._low = max(self._high, price), min(self._low, price)
        self._volume += size
        self._value += price * size
        self._trades += 1
        price_scale, size_scale = self._scales.price, self._scales.size
        change = price - self._open
        return Stats(
            symbol=self._symbol,
            ts_us=now_us,
            open=_text(self._open, price_scale),
            high=_text(self._high, price_scale),
            low=_text(self._low, price_scale),
            last=_text(price, price_scale),
            volume=_text(self._volume, size_scale),
            quote_volume=_text(self._value, price_scale + size_scale),
            change=_text(change, price_scale),
            change_percent=_text(change * 100_000 // self._open, 3, 3),
            weighted=_text(self._value // self._volume if self._volume else self._open, price_scale),
            prev_close=_text(self._open, price_scale),
            last_size=_text(size, size_scale),
            open_us=max(0, now_us - _DAY_US),
            close_us=now_us,
            first_id=1,
            last_id=self._trades,
            trades=self._trades,
        )


def _text(value: int, scale: int, decimals: int = _DECIMALS) -> str:
    """The decimal string of ``value`` at ``scale``; further digits are left out."""
    sign, value = "-" if value < 0 else "", abs(value)
    value = value * 10 ** (decimals - scale) if scale <= decimals else value // 10 ** (scale - decimals)
    digits = str(value).zfill(decimals + 1)
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
