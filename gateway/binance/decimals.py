"""Numbers as Binance writes them: decimal strings with eight digits behind the point."""

from typing import Final

from market.prices.tick import POWERS_OF_TEN, unscaled

DIGITS: Final = 8
"""Behind the point of every number."""

ZERO: Final = "0.00000000"


def fixed(value: int, scale: int) -> str:
    """The decimal string of a scaled integer: ``fixed(6523456, 2) == "65234.56000000"``.

    No digit is lost: a number that needs more than eight digits behind the point has more.
    """
    if scale > DIGITS:
        whole, _, fraction = unscaled(value, scale).partition(".")
        return f"{whole}.{fraction.rstrip('0').ljust(DIGITS, '0')}"
    digits = str(value * POWERS_OF_TEN[DIGITS - scale]).zfill(DIGITS + 1)
    return f"{digits[:-DIGITS]}.{digits[-DIGITS:]}"
