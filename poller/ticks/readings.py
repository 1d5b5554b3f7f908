"""The numbers of an update, read at an instrument's scales: as plain integers if they fit, else exactly.

Nearly every quote fits, so that case must be fast. A quote that does not fit, because it is finer than the rules for
orders or lacks a side, is read number by number. A value is always read the same way, so equal readings are equal
values.
"""

from typing import Final, Literal, NamedTuple

from market.prices.instruments import Scales
from market.prices.tick import (
    MAX_EXACT,
    POWERS_OF_TEN,
    DecimalError,
    Number,
    TooFineError,
    TooLargeError,
    at_scale,
    number,
    scaled,
    unscaled,
)
from poller.source import Update

DropReason = Literal[
    "unknown_symbol",  # a symbol that nobody asked for
    "not_trading",  # a quote of a symbol that the exchange does not trade now
    "crossed_quote",  # the bid is above the ask
    "too_fine",  # more decimals than any tick has
    "too_large",  # above 2^53 - 1 at any scale
    "malformed",  # not a plain decimal, or nothing in it at all
    "repeated",  # says nothing new
    "out_of_order",  # older than what had already come
]

Plain = tuple[int, int, int, int]
"""Bid, ask, bid size, ask size, as integers at the instrument's scales: the usual quote."""


class Fine(NamedTuple):
    """A quote that is finer than the instrument, or lacks a number; None if the exchange has none."""

    bid: Number | None = None
    ask: Number | None = None
    bid_size: Number | None = None
    ask_size: Number | None = None


PlainSummary = tuple[int | None, int | None]
"""Last and volume, as integers at the instrument's scales."""


class FineSummary(NamedTuple):
    """A summary that is finer than the instrument."""

    last: Number | None
    volume: Number | None


NO_QUOTE: Final = Fine()


def read_quote(update: Update, scales: Scales, left_out: list[str]) -> tuple[Plain | Fine | None, DropReason | None]:
    """Return the quote of ``update``, if it has a usable one, and what is wrong with it.

    The names of unusable fields are added to ``left_out``.
    """
    bid_text, ask_text, bid_size_text, ask_size_text = update.bid, update.ask, update.bid_size, update.ask_size
    if bid_text and ask_text and bid_size_text and ask_size_text:
        price, size = scales.price, scales.size
        try:
            bid, ask = scaled(bid_text, price), scaled(ask_text, price)
            if 0 < bid <= ask:
                return (bid, ask, scaled(bid_size_text, size), scaled(ask_size_text, size)), None
        except DecimalError:
            # It may be only finer than the instrument.
            pass
    return _read_fine_quote(update, left_out)


def _read_fine_quote(update: Update, left_out: list[str]) -> tuple[Fine | None, DropReason | None]:
    bid_text, ask_text = update.bid, update.ask
    if bid_text is None and ask_text is None:
        nothing = update.bid_size is None and update.ask_size is None and update.update_id is None
        return None, None if nothing else "malformed"
    try:
        bid, bid_fault = _price(bid_text)
        ask, ask_fault = _price(ask_text)
    except DecimalError:
        return None, "malformed"
    fault = bid_fault or ask_fault
    if fault is not None:
        if bid is None and ask is None:
            return None, fault
        left_out.append("bid" if bid_fault else "ask")
    if bid is not None and ask is not None and _above(bid, ask):
        return None, "crossed_quote"
    bid_size = None if bid is None else _other(update.bid_size, "bid_size", left_out)
    ask_size = None if ask is None else _other(update.ask_size, "ask_size", left_out)
    return Fine(bid, ask, bid_size, ask_size), fault


def read_summary(
    update: Update, before: PlainSummary | FineSummary, scales: Scales, left_out: list[str]
) -> tuple[PlainSummary | FineSummary | None, DropReason | None]:
    """Return the summary of ``update``, with absent fields from ``before``; and why it is unreadable, if it is."""
    if update.last is None and update.volume is None:
        return None, None
    if update.last and update.volume:
        try:
            # Binance writes zero for the last price of a symbol that was not traded: there is none.
            return (scaled(update.last, scales.price) or None, scaled(update.volume, scales.size)), None
        except DecimalError:
            # It may be only finer than the instrument.
            pass
    return _read_fine_summary(update, fine_summary(before, scales), scales, left_out)


def _read_fine_summary(
    update: Update, before: FineSummary, scales: Scales, left_out: list[str]
) -> tuple[PlainSummary | FineSummary | None, DropReason | None]:
    last, volume = before
    count = len(left_out)
    if update.last is not None:
        last = _other(update.last, "last", left_out)
        last = last if last is not None and last[0] else None
    if update.volume is not None:
        volume = _other(update.volume, "volume", left_out)
    if len(left_out) - count == (update.last is not None) + (update.volume is not None):
        del left_out[count:]
        return None, "malformed"
    return plain_summary(FineSummary(last, volume), scales), None


def fine_quote(quote: Plain | Fine, scales: Scales) -> Fine:
    """Return the same quote, number by number."""
    if isinstance(quote, Fine):
        return quote
    bid, ask, bid_size, ask_size = quote
    price, size = scales.price, scales.size
    return Fine(_number(bid, price), _number(ask, price), _number(bid_size, size), _number(ask_size, size))


def fine_summary(summary: PlainSummary | FineSummary, scales: Scales) -> FineSummary:
    """Return the same summary, number by number."""
    if isinstance(summary, FineSummary):
        return summary
    last, volume = summary
    return FineSummary(
        None if last is None else _number(last, scales.price),
        None if volume is None else _number(volume, scales.size),
    )


def plain_quote(quote: Fine, scales: Scales) -> Plain | Fine:
    """Return the quote as integers at ``scales`` if all of it fits, else unchanged."""
    bid, ask = _plain(quote.bid, scales.price), _plain(quote.ask, scales.price)
    bid_size, ask_size = _plain(quote.bid_size, scales.size), _plain(quote.ask_size, scales.size)
    if bid is None or ask is None or bid_size is None or ask_size is None:
        return quote
    return bid, ask, bid_size, ask_size


def plain_summary(summary: FineSummary, scales: Scales) -> PlainSummary | FineSummary:
    """Return the summary as integers at ``scales`` if all of it fits, else unchanged."""
    last, volume = _plain(summary.last, scales.price), _plain(summary.volume, scales.size)
    missing = (last is None) != (summary.last is None) or (volume is None) != (summary.volume is None)
    return summary if missing else (last, volume)


def _number(value: int, scale: int) -> Number:
    return number(unscaled(value, scale))


def _plain(its: Number | None, scale: int) -> int | None:
    if its is None or its[1] > scale:
        return None
    value = at_scale(its, scale)
    return value if value <= MAX_EXACT else None


def _price(text: str | None) -> tuple[Number | None, DropReason | None]:
    """Return one side's price, None if the exchange has none; and what is wrong with it."""
    if not text:
        return None, None
    try:
        its = number(text)
    except TooFineError:
        return None, "too_fine"
    except TooLargeError:
        return None, "too_large"
    # Binance writes zero for an empty side.
    return (its if its[0] else None), None


def _other(text: str | None, name: str, left_out: list[str]) -> Number | None:
    """Return a size, a last price or a volume; an unreadable one is left out."""
    if not text:
        return None
    try:
        return number(text)
    except DecimalError:
        left_out.append(name)
        return None


def _above(one: Number, other: Number) -> bool:
    return one[0] * POWERS_OF_TEN[other[1]] > other[0] * POWERS_OF_TEN[one[1]]
