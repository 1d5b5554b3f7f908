"""The tick, and the one way from an exchange's decimal string to a scaled integer."""

import re
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from market.errors import MarketError
from market.prices.symbols import MAX_SYMBOL_BYTES

MAX_EXACT = 2**53 - 1
"""The largest integer on any wire: a JavaScript number holds no larger one exactly
(ECMA-262, Number.MAX_SAFE_INTEGER)."""

SEQ_AHEAD_MS = 24 * 3_600_000
"""How far a seq may be above the time: see `highest_seq`."""

MAX_SCALE = 15
"""More decimals than this could not hold even the price 9 within `MAX_EXACT`."""

MAX_DIGITS = 16
"""Digits of `MAX_EXACT`."""

POWERS_OF_TEN: tuple[int, ...] = tuple(10**digits for digits in range(MAX_SCALE + 1))

_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)

Exact = Annotated[int, Meta(ge=0, le=MAX_EXACT)]
Scale = Annotated[int, Meta(ge=0, le=MAX_SCALE)]
SymbolName = Annotated[str, Meta(min_length=1, max_length=MAX_SYMBOL_BYTES)]


class Tick(Struct, frozen=True, kw_only=True, gc=False):
    """One update of one symbol, all numbers exact.

    The real price is ``bid / 10**price_scale``, the real size ``bid_size / 10**size_scale``.
    What the exchange did not give is `UNSET`, and absent on the wire.
    """

    symbol: SymbolName
    """The symbol's full name."""
    seq: Exact
    """Strictly increasing per symbol, also across restarts of the poller, unless the numbering begins anew."""
    bid: Exact | UnsetType = UNSET
    """The best bid, at ``price_scale``."""
    ask: Exact | UnsetType = UNSET
    """The best ask, at ``price_scale``."""
    bid_size: Exact | UnsetType = UNSET
    """The size at the best bid, at ``size_scale``."""
    ask_size: Exact | UnsetType = UNSET
    """The size at the best ask, at ``size_scale``."""
    last: Exact | UnsetType = UNSET
    """The price of the last trade, at ``price_scale``."""
    volume: Exact | UnsetType = UNSET
    """The volume of the last 24 hours, in the base asset, at ``size_scale``."""
    price_scale: Scale
    """The real price is ``bid / 10**price_scale``."""
    size_scale: Scale
    """The real size is ``bid_size / 10**size_scale``."""
    event_us: Exact | UnsetType = UNSET
    """When the exchange says it happened, microseconds since the Unix epoch."""
    recv_us: Exact
    """When the poller received it, microseconds since the Unix epoch; latency is measured from here."""
    update_id: Exact | UnsetType = UNSET
    """The exchange's own number of the quote (Binance: ``u``). Ticks with the same one have the same quote. Absent if
    the exchange does not number quotes, or if this one came by REST."""


def highest_seq(now_ms: int) -> int:
    """The highest seq that can be right while the time is ``now_ms``, Unix milliseconds.

    A sequence begins with that time (`poller.publishing.sequencer`). So a seq is the time or less, unless clocks differ
    or a symbol has more than a thousand ticks a second. A seq more than a day above the time is wrong. A gateway that
    believed it would take all later ticks for old.
    """
    return min(now_ms, MAX_EXACT - SEQ_AHEAD_MS) + SEQ_AHEAD_MS


class DecimalError(MarketError, ValueError):
    """A decimal string that cannot become a scaled integer."""


class TooFineError(DecimalError):
    """The value has digits below its scale; rounding it is not an option."""


class TooLargeError(DecimalError):
    """The scaled value is above `MAX_EXACT`."""


def scaled(text: str, scale: int) -> int:
    """Turn a decimal string into an integer at ``scale``, exactly: ``scaled("65234.56", 2) == 6523456``.

    Zeros below the scale are allowed (exchanges pad to eight places), other digits are not.

    Raises:
        TooFineError: a digit other than zero lies below the scale.
        TooLargeError: the result is above `MAX_EXACT`.
        DecimalError: not a plain decimal (sign, exponent, blank, other digits than 0-9).
    """
    # By hand, not by pattern: this runs four times for every quote.
    whole, point, fraction = text.partition(".")
    digits = whole + fraction
    # isdecimal alone would let other scripts' digits through; int() would take signs, blanks and underscores.
    if not (whole and digits.isdecimal() and digits.isascii()) or (point and not fraction):
        raise DecimalError(f"{text[:40]!r} is not a plain decimal number")
    if (finer := len(fraction) - scale) > 0:
        if fraction[scale:].strip("0"):
            raise TooFineError(f"{text[:40]!r} is finer than its scale of {scale} decimals")
        digits = digits[:-finer]
    elif finer < 0:
        digits += "0" * -finer
    # Bounds the work before int(), which refuses more than 4,300 digits: a stranger's million are not parsed.
    if len(digits) > MAX_DIGITS and len(digits := digits.lstrip("0")) > MAX_DIGITS:
        raise TooLargeError(f"{text[:40]!r} has more digits than 2^53 holds")
    value = int(digits or "0")
    if value > MAX_EXACT:
        raise TooLargeError(f"{text[:40]!r} at {scale} decimals is above 2^53 - 1")
    return value


Number = tuple[int, int]
"""The value of a decimal string: an integer and the scale it is at, the smallest that is exact. Equal numbers are
equal tuples, however the exchange wrote them."""


def number(text: str) -> Number:
    """Read a decimal string, whatever its scale: ``number("65234.5000") == (652345, 1)``.

    Raises:
        TooFineError: it needs more than `MAX_SCALE` decimals.
        TooLargeError: its digits are above `MAX_EXACT`.
        DecimalError: not a plain decimal (sign, exponent, blank, other digits than 0-9).
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise DecimalError(f"{text[:40]!r} is not a plain decimal number")
    whole, fraction = match[1], match[2]
    fraction = fraction.rstrip("0") if fraction else ""
    if len(fraction) > MAX_SCALE:
        raise TooFineError(f"{text[:40]!r} is finer than {MAX_SCALE} decimals")
    # Bounds the work before int(): a stranger's million digits are not parsed.
    if len(whole) > MAX_DIGITS and len(whole := whole.lstrip("0")) > MAX_DIGITS:
        raise TooLargeError(f"{text[:40]!r} has more digits than 2^53 holds")
    value = int(whole + fraction or "0")
    if value > MAX_EXACT:
        raise TooLargeError(f"{text[:40]!r} has more digits than 2^53 holds")
    return value, len(fraction)


def at_scale(its: Number, scale: int) -> int:
    """The integer of ``its`` at ``scale``, which is not below its own; it may be above `MAX_EXACT`."""
    return its[0] * POWERS_OF_TEN[scale - its[1]]


def unscaled(value: int, scale: int) -> str:
    """The decimal string of a scaled integer, for logs and people: ``unscaled(6523456, 2) == "65234.56"``."""
    if scale == 0:
        return str(value)
    digits = str(value).zfill(scale + 1)
    return f"{digits[:-scale]}.{digits[-scale:]}"


def scale_of(step: str) -> int:
    """The decimals that a step needs: ``scale_of("0.01000000") == 2``, ``scale_of("10.0") == 0``.

    Steps are Binance's ``tickSize`` and ``stepSize`` (API documents, "Filters").

    Raises:
        DecimalError: not a plain decimal, or finer than `MAX_SCALE`.
    """
    match = _DECIMAL.fullmatch(step)
    if match is None:
        raise DecimalError(f"{step[:40]!r} is not a plain decimal number")
    scale = len((match[2] or "").rstrip("0"))
    if scale > MAX_SCALE:
        raise DecimalError(f"{step[:40]!r} is finer than {MAX_SCALE} decimals")
    return scale
