"""Binance's summaries of 24 hours (API documents, "Individual Symbol Ticker Streams", and "24hr" of REST).

Numbers are passed on as they are written. What is of another type than documented is passed on too: it must not hide
last price and volume. Who publishes the figures checks them (`market.prices.stats.readable`).
"""

from typing import Any

from msgspec import UNSET, Struct, field

from market.prices.stats import Stats


class StreamSummary(Struct, gc=False):
    """An event of ``miniTicker`` or ``ticker``, which has more of them."""

    event_ms: int = field(name="E")
    symbol: str = field(name="s")
    last: str | None = field(name="c", default=None)
    volume: str | None = field(name="v", default=None)
    open: Any = field(name="o", default=UNSET)
    high: Any = field(name="h", default=UNSET)
    low: Any = field(name="l", default=UNSET)
    quote_volume: Any = field(name="q", default=UNSET)
    change: Any = field(name="p", default=UNSET)
    change_percent: Any = field(name="P", default=UNSET)
    weighted: Any = field(name="w", default=UNSET)
    prev_close: Any = field(name="x", default=UNSET)
    last_size: Any = field(name="Q", default=UNSET)
    open_ms: Any = field(name="O", default=UNSET)
    close_ms: Any = field(name="C", default=UNSET)
    first_id: Any = field(name="F", default=UNSET)
    last_id: Any = field(name="L", default=UNSET)
    trades: Any = field(name="n", default=UNSET)

    def stats(self) -> Stats:
        """The figures in it."""
        return Stats(
            symbol=self.symbol,
            ts_us=self.event_ms * 1000,
            open=self.open,
            high=self.high,
            low=self.low,
            last=UNSET if self.last is None else self.last,
            volume=UNSET if self.volume is None else self.volume,
            quote_volume=self.quote_volume,
            change=self.change,
            change_percent=self.change_percent,
            weighted=self.weighted,
            prev_close=self.prev_close,
            last_size=self.last_size,
            open_us=_us(self.open_ms),
            close_us=_us(self.close_ms),
            first_id=self.first_id,
            last_id=self.last_id,
            trades=self.trades,
        )


class RestSummary(Struct, gc=False, rename="camel"):
    """An object in an answer of ``ticker/24hr``."""

    symbol: str
    last_price: str | None = None
    volume: str | None = None
    open_price: Any = UNSET
    high_price: Any = UNSET
    low_price: Any = UNSET
    quote_volume: Any = UNSET
    price_change: Any = UNSET
    price_change_percent: Any = UNSET
    weighted_avg_price: Any = UNSET
    prev_close_price: Any = UNSET
    last_qty: Any = UNSET
    open_time: Any = UNSET
    close_time: Any = UNSET
    first_id: Any = UNSET
    last_id: Any = UNSET
    count: Any = UNSET

    def stats(self, recv_us: int) -> Stats:
        """The figures in it, which was received at ``recv_us``. It says no time but that of the 24 hours' end."""
        close_us = _us(self.close_time)
        return Stats(
            symbol=self.symbol,
            ts_us=recv_us if close_us is UNSET else close_us,
            open=self.open_price,
            high=self.high_price,
            low=self.low_price,
            last=UNSET if self.last_price is None else self.last_price,
            volume=UNSET if self.volume is None else self.volume,
            quote_volume=self.quote_volume,
            change=self.price_change,
            change_percent=self.price_change_percent,
            weighted=self.weighted_avg_price,
            prev_close=self.prev_close_price,
            last_size=self.last_qty,
            open_us=_us(self.open_time),
            close_us=close_us,
            first_id=self.first_id,
            last_id=self.last_id,
            trades=self.count,
        )


def _us(ms: Any) -> Any:
    """Microseconds, of milliseconds if these are an integer."""
    return ms * 1000 if type(ms) is int and ms > 0 else UNSET
