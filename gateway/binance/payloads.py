"""The messages of each stream, without the wrapper of combined ones: Binance's keys in Binance's order, and no others.

Clients of Binance tell messages apart by their keys, some without regard to case. So no key is ever added.
"""

from msgspec import UNSET, UnsetType

from gateway.binance.decimals import ZERO, fixed
from market.prices.tick import Tick


def book_ticker(tick: Tick) -> str:
    """The message of ``bookTicker``; empty if the quote came without the exchange's number."""
    if tick.update_id is UNSET:
        return ""
    price, size = tick.price_scale, tick.size_scale
    return (
        f'{{"u":{tick.update_id},"s":"{tick.symbol}"'
        f',"b":"{_fixed(tick.bid, price)}","B":"{_fixed(tick.bid_size, size)}"'
        f',"a":"{_fixed(tick.ask, price)}","A":"{_fixed(tick.ask_size, size)}"}}'
    )


def _fixed(value: int | UnsetType, scale: int) -> str:
    """Of one side of the book; Binance writes zeros where there is none."""
    return ZERO if value is UNSET else fixed(value, scale)
