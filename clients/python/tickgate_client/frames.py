"""Ticks as a table of Polars or pandas. Both are imported when they are asked for; neither is needed otherwise."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from tickgate_client.tick import Tick

if TYPE_CHECKING:
    import pandas
    import polars

_PRICES: Final = ("bid", "ask", "last")
_SIZES: Final = ("bid_size", "ask_size", "volume")
_DIGITS: Final = 38
"""Of a decimal of Polars. 16 digits at the largest difference of scales, 15, are 31."""


def to_polars(ticks: Iterable[Tick]) -> "polars.DataFrame":
    """A table of exact decimals: symbol, seq, time (UTC, when the poller received it), event_time, prices, sizes.

    Raises:
        ImportError: Polars is not installed.
    """
    import polars as pl

    ticks = list(ticks)
    utc = pl.Datetime("us", "UTC")
    columns: dict[str, Any] = {
        "symbol": pl.Series([tick.symbol for tick in ticks], dtype=pl.String),
        "seq": pl.Series([tick.seq for tick in ticks], dtype=pl.Int64),
        "time": pl.Series([tick.recv_us for tick in ticks], dtype=pl.Int64).cast(utc),
        "event_time": pl.Series([tick.event_us for tick in ticks], dtype=pl.Int64).cast(utc),
    }
    for names, scale in ((_PRICES, "price_scale"), (_SIZES, "size_scale")):
        # Scales may differ from tick to tick; the finest holds them all.
        finest = pl.Decimal(_DIGITS, max((getattr(tick, scale) for tick in ticks), default=0))
        for name in names:
            columns[name] = pl.Series([getattr(tick, name) for tick in ticks], dtype=finest)
    return pl.DataFrame(columns)


def to_pandas(ticks: Iterable[Tick], *, floats: bool = False) -> "pandas.DataFrame":
    """The same table for pandas: `decimal.Decimal` objects, or ``floats``, which are fast and not exact.

    Raises:
        ImportError: pandas is not installed.
    """
    import pandas as pd

    ticks = list(ticks)
    columns: dict[str, Any] = {
        "symbol": [tick.symbol for tick in ticks],
        "seq": [tick.seq for tick in ticks],
        "time": pd.to_datetime([tick.recv_us for tick in ticks], unit="us", utc=True),
        "event_time": pd.to_datetime([tick.event_us for tick in ticks], unit="us", utc=True),
    }
    for name in (*_PRICES, *_SIZES):
        values = [getattr(tick, name) for tick in ticks]
        columns[name] = [None if value is None else float(value) for value in values] if floats else values
    return pd.DataFrame(columns)
