"""The messages of each stream, without the wrapper of combined ones: Binance's keys in Binance's order, and no others.

Clients of Binance tell messages apart by their keys, some without regard to case. So no key is ever added.
"""

from msgspec import UNSET, UnsetType

from gateway.binance.day import day_of, whole_day_of
from gateway.binance.decimals import ZERO, fixed
from market.prices.stats import Stats
from market.prices.tick import Tick


def book_ticker(tick: Tick) -> str:
    """The message of ``bookTicker``; empty if the quote came without the exchange's number."""
    if tick.update_id is UNSET:
        return ""
    bid, bid_size, ask, ask_size = quote(tick)
    return f'{{"u":{tick.update_id},"s":"{tick.symbol}","b":"{bid}","B":"{bid_size}","a":"{ask}","A":"{ask_size}"}}'


def mini_ticker(stats: Stats, divisor: int) -> str:
    """The message of ``miniTicker``, with times in so many microseconds; empty if a figure is not known."""
    day = day_of(stats)
    if day is None:
        return ""
    return (
        f'{{"e":"24hrMiniTicker","E":{day.at_us // divisor},"s":"{day.symbol}","c":"{day.last}","o":"{day.open}"'
        f',"h":"{day.high}","l":"{day.low}","v":"{day.volume}","q":"{day.quote_volume}"}}'
    )


def ticker(stats: Stats, tick: Tick | None, divisor: int) -> str:
    """The message of ``ticker``, with the quote of ``tick`` and times in so many microseconds.

    It is empty if a figure is not known that does not follow from others.
    """
    day = whole_day_of(stats)
    if day is None:
        return ""
    bid, bid_size, ask, ask_size = quote(tick)
    return (
        f'{{"e":"24hrTicker","E":{day.at_us // divisor},"s":"{day.symbol}","p":"{day.change}","P":"{day.percent}"'
        f',"w":"{day.mean}","x":"{day.before}","c":"{day.last}","Q":"{day.last_size}"'
        f',"b":"{bid}","B":"{bid_size}","a":"{ask}","A":"{ask_size}"'
        f',"o":"{day.open}","h":"{day.high}","l":"{day.low}","v":"{day.volume}","q":"{day.quote_volume}"'
        f',"O":{day.open_us // divisor},"C":{day.close_us // divisor}'
        f',"F":{day.first_id},"L":{day.last_id},"n":{day.trades}}}'
    )


def quote(tick: Tick | None) -> tuple[str, str, str, str]:
    """Bid, its size, ask, and its size; Binance writes zeros where there is none."""
    if tick is None:
        return ZERO, ZERO, ZERO, ZERO
    price, size = tick.price_scale, tick.size_scale
    return _fixed(tick.bid, price), _fixed(tick.bid_size, size), _fixed(tick.ask, price), _fixed(tick.ask_size, size)


def _fixed(value: int | UnsetType, scale: int) -> str:
    return ZERO if value is UNSET else fixed(value, scale)
