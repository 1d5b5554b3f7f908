"""Numbers as Binance writes them: decimal strings with eight digits behind the point.

What the exchange wrote stays as it is, to the digit. Only what it did not write is computed, exactly, and then rounded
as Binance does.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from market.prices.tick import POWERS_OF_TEN, unscaled

DIGITS: Final = 8
"""Behind the point of every number but a percentage."""

ZERO: Final = "0.00000000"

_EXACT: Final = Context(prec=80)
_STEP: Final = Decimal("0.00000001")
_PERCENT_STEP: Final = Decimal("0.001")


def fixed(value: int, scale: int) -> str:
    """The decimal string of a scaled integer: ``fixed(6523456, 2) == "65234.56000000"``.

    No digit is lost: a number that needs more than eight digits behind the point has more.
    """
    if scale > DIGITS:
        return padded(unscaled(value, scale))
    digits = str(value * POWERS_OF_TEN[DIGITS - scale]).zfill(DIGITS + 1)
    return f"{digits[:-DIGITS]}.{digits[-DIGITS:]}"


def padded(text: str) -> str:
    """A decimal string with eight digits behind the point, or more if it needs them."""
    whole, _, fraction = text.partition(".")
    if len(fraction) == DIGITS:
        return text
    return f"{whole}.{fraction.rstrip('0').ljust(DIGITS, '0')}"


def change(last: str, before: str) -> str:
    """``last`` less ``before``."""
    return padded(f"{_EXACT.subtract(Decimal(last), Decimal(before)):f}")


def percent(last: str, before: str) -> str:
    """The change from ``before`` to ``last`` in percent, with three digits behind the point."""
    base = Decimal(before)
    if not base:
        return "0.000"
    ratio = _EXACT.divide(_EXACT.subtract(Decimal(last), base) * 100, base)
    return f"{ratio.quantize(_PERCENT_STEP, ROUND_HALF_EVEN, context=_EXACT):f}"


def mean(quote_volume: str, volume: str) -> str:
    """The mean price, weighted by volume."""
    traded = Decimal(volume)
    if not traded:
        return ZERO
    price = _EXACT.divide(Decimal(quote_volume), traded)
    return f"{price.quantize(_STEP, ROUND_HALF_EVEN, context=_EXACT):f}"
