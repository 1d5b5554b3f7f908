"""Symbols of the default venue that are probably slips: a base asset alone, or a pair written as elsewhere.

Nothing is refused: an exchange may list anything. A name that looks unusual is no slip, only one of these kinds.
"""

import re
from collections.abc import Iterable
from typing import Final

from market.prices.letters import upper
from market.prices.pairs import OTHER_WORDS, parts
from market.prices.venues import COINBASE, DEFAULT_VENUE, symbol_of, venue_of

_WELL_KNOWN: Final = """
    BTC ETH SOL BNB XRP DOGE ADA TRX AVAX LINK TON SHIB DOT BCH SUI LTC UNI NEAR PEPE APT ICP ETC XLM HBAR FIL ATOM ARB
    OP INJ VET AAVE ALGO POL XTZ ZEC DASH CRV XMR HYPE MATIC
"""
_BASES: Final = frozenset(_WELL_KNOWN.split())
"""Well-known assets. Binance lists pairs alone, so none of them is a symbol."""
_QUOTE: Final = "USDT"
_DOLLAR: Final = "USD"
_BETWEEN: Final = re.compile(r"[;|+]")
"""What some write between symbols; to us it is a part of one."""
_NAMED: Final = 10


def doubt(symbols: Iterable[str]) -> str:
    """One line about those of ``symbols`` that are probably slips, and what they were meant for; empty without any."""
    found = {symbol: its for symbol in symbols if (its := _meant(symbol))}
    if not found:
        return ""
    names = list(found)[:_NAMED]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    what = "is no pair" if len(found) == 1 else "are no pairs"
    pairs = ",".join(dict.fromkeys(found[name] for name in names))
    dashed = next((name for name in names if _is_coinbases(name)), None)
    other = "" if dashed is None else f", or {symbol_of(COINBASE, dashed)} of Coinbase"
    return f"SYMBOLS: {', '.join(names)}{more} {what} of {DEFAULT_VENUE}; did you mean {pairs}{other}?"


def _meant(symbol: str) -> str:
    """What ``symbol`` is a slip of; empty if it is probably none."""
    if venue_of(symbol) != DEFAULT_VENUE:
        return ""
    name = upper(symbol)
    base = OTHER_WORDS.get(name, name)
    if base in _BASES:
        return f"{base}{_QUOTE}"
    several = _BETWEEN.split(name)
    if len(several) > 1 and all(several):
        meant = [_meant(each) or each for each in several]
        return ",".join(meant) if all(map(parts, meant)) else ""
    found = parts(name)
    if found is None:
        return ""
    _, base, quote = found
    if name == base + quote or not base.isalnum():
        return ""
    return f"{base}{_QUOTE if quote == _DOLLAR else quote}"


def _is_coinbases(name: str) -> bool:
    base, dash, quote = name.partition("-")
    return bool(dash) and base.isalnum() and quote.isalnum()
