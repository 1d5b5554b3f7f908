"""Instruments out of what an exchange lists, in words that are the same for all of them."""

from collections.abc import Sequence
from typing import Final

from market.prices.instruments import Instrument, Scales
from market.prices.tick import DecimalError, scale_of
from poller.network import reasons

NOT_ASKED: Final = Instrument("unknown", reason="the exchange has not been asked yet")
ABSENT: Final = Instrument("unknown", reason="the exchange does not list it")

_MOST: Final = 60
"""Characters of the exchange's own word."""


def halted(scales: Scales, word: str) -> Instrument:
    """It is listed and not traded now; ``word`` is the exchange's for that."""
    return Instrument("halted", scales, f"the exchange does not trade it now ({reasons.one_line(word)[:_MOST]})")


def closed(scales: Scales, word: str) -> Instrument:
    """It is listed still, and will not be traded again; ``word`` is the exchange's for that."""
    return Instrument("delisted", scales, f"the exchange has closed it ({reasons.one_line(word)[:_MOST]})")


def unlisted(before: Instrument) -> Instrument:
    """It is not listed, and was as ``before``: then it has been delisted."""
    if not before.listed:
        return before if before.status == "delisted" else ABSENT
    return Instrument("delisted", before.scales, "the exchange does not list it any more")


def nothing_listed(symbols: Sequence[str], what: str, close: str | None) -> str:
    """What to say of a start without any symbol that ``what`` lists; ``close`` is one that may be meant."""
    symbol, *others = symbols
    fix = f"did you mean {close}?" if close else "remove it, or correct it"
    more = f" and {len(others)} more" if others else ""
    return f"SYMBOLS names {symbol}{more}, which {what} does not list; {fix}"


def decimals(step: str) -> int:
    """The decimals of a step; 0 where there is none that makes sense: a tick's own numbers then decide."""
    try:
        return scale_of(step)
    except DecimalError:
        return 0
