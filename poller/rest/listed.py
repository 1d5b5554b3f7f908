"""Instruments from a listing, with the same words for all exchanges."""

from collections.abc import Sequence
from typing import Final

from market.prices.instruments import Instrument, Rules, Scales
from market.prices.stats import is_decimal
from market.prices.tick import DecimalError, scale_of
from poller.network import reasons

NOT_ASKED: Final = Instrument("unknown", reason="the exchange has not been asked yet")
ABSENT: Final = Instrument("unknown", reason="the exchange does not list it")

_MOST: Final = 60
"""The most characters of the exchange's own word."""


def halted(scales: Scales, word: str, rules: Rules | None = None) -> Instrument:
    """A symbol that is listed and not traded now; ``word`` is the exchange's status."""
    return Instrument("halted", scales, f"the exchange does not trade it now ({reasons.one_line(word)[:_MOST]})", rules)


def closed(scales: Scales, word: str, rules: Rules | None = None) -> Instrument:
    """A symbol that is still listed and will not be traded again; ``word`` is the exchange's status."""
    return Instrument("delisted", scales, f"the exchange has closed it ({reasons.one_line(word)[:_MOST]})", rules)


def unlisted(before: Instrument) -> Instrument:
    """A symbol that is not listed: if it was listed ``before``, it is delisted now."""
    if not before.listed:
        return before if before.status == "delisted" else ABSENT
    return Instrument("delisted", before.scales, "the exchange does not list it any more", before.rules)


def nothing_listed(symbols: Sequence[str], what: str, close: str | None) -> str:
    """The error of a start without any symbol that ``what`` lists; ``close`` is a similar symbol."""
    symbol, *others = symbols
    fix = f"did you mean {close}?" if close else "remove it, or correct it"
    more = f" and {len(others)} more" if others else ""
    return f"SYMBOLS names {symbol}{more}, which {what} does not list; {fix}"


def decimals(step: str) -> int:
    """The decimals of a step; 0 if it is unreadable: a tick's own numbers then decide."""
    try:
        return scale_of(step)
    except DecimalError:
        return 0


def decimal(text: object) -> str:
    """A number of the rules as it is written; empty if it is no decimal number."""
    return text if isinstance(text, str) and is_decimal(text) else ""
