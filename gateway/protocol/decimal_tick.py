"""A tick for people: its prices and sizes as exact decimal strings, in place of scaled integers."""

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from market.prices.tick import Tick, unscaled

PRICES: Final = ("bid", "ask", "last")
SIZES: Final = ("bid_size", "ask_size", "volume")
_SCALES: Final = ("price_scale", "size_scale")
_AS_THEY_ARE: Final = tuple(
    name for name in Tick.__struct_fields__ if name not in (*PRICES, *SIZES, *_SCALES, "symbol", "seq", "recv_us")
)


class DecimalTick(Struct, kw_only=True, gc=False):
    """A tick with ``numbers`` of ``decimal``. What the exchange did not give is absent."""

    symbol: str
    """The symbol's full name."""
    seq: int
    """As in a tick."""
    bid: str | UnsetType = UNSET
    """The best bid, with all the decimals of the symbol's prices: ``"65028.86"``."""
    ask: str | UnsetType = UNSET
    """The best ask."""
    bid_size: str | UnsetType = UNSET
    """The size at the best bid."""
    ask_size: str | UnsetType = UNSET
    """The size at the best ask."""
    last: str | UnsetType = UNSET
    """The price of the last trade."""
    volume: str | UnsetType = UNSET
    """The volume of the last 24 hours, in the base asset."""
    event_us: int | UnsetType = UNSET
    """When the exchange says it happened, microseconds since the Unix epoch."""
    recv_us: int
    """When the poller received it, microseconds since the Unix epoch."""
    update_id: int | UnsetType = UNSET
    """The exchange's own number of the quote, as in a tick."""


def decimal_tick(tick: Tick) -> DecimalTick:
    """The same tick, with decimal strings."""
    made = DecimalTick(symbol=tick.symbol, seq=tick.seq, recv_us=tick.recv_us)
    for names, scale in ((PRICES, tick.price_scale), (SIZES, tick.size_scale)):
        for name in names:
            value = getattr(tick, name)
            if value is not UNSET:
                setattr(made, name, unscaled(value, scale))
    for name in _AS_THEY_ARE:
        setattr(made, name, getattr(tick, name))
    return made


_encode = msgspec.json.Encoder().encode


def encode_decimal_tick(tick: Tick) -> bytes:
    """The same in JSON."""
    return _encode(decimal_tick(tick))
