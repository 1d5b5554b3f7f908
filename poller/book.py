"""What is known of one symbol, and how an `Update` changes it. Plain code without I/O."""

import logging
from collections.abc import Callable
from typing import Literal

from msgspec import UNSET, Struct

from market.instruments import Instrument
from market.tick import MAX_EXACT, POWERS_OF_TEN, DecimalError, Number, Tick, TooFineError, TooLargeError, number
from poller.scaling import fit_prices, fit_sizes
from poller.sources import Update

logger = logging.getLogger(__name__)

DropReason = Literal[
    "unknown_symbol",  # a symbol that nobody asked for
    "not_trading",  # a quote of a symbol that the exchange does not trade now
    "crossed_quote",  # the bid is above the ask
    "too_fine",  # more decimals than any tick has
    "too_large",  # above 2^53 - 1 at any scale
    "malformed",  # not a plain decimal, or nothing in it at all
    "repeated",  # says nothing new
    "out_of_order",  # older than what was already heard
]

_ANSWER_AGE_US = 1_000_000
"""How old an answer to a request may be when it arrives: quotes with ids heard since may be newer."""

_RENUMBERED_US = 3_000_000
"""Lower ids for so long, and no higher one, are no late quotes: the exchange has begun to count anew."""

_LATE_US = 60_000_000
"""A summary older than the last by more than this was not late on its way: the exchange's clock was set back."""

_Quote = tuple[Number | None, Number | None, Number | None, Number | None]
"""Bid, ask, bid size, ask size; None where the exchange has none."""
_Summary = tuple[Number | None, Number | None]
"""Last and volume."""
_NO_QUOTE: _Quote = (None, None, None, None)
_FIELDS = ("bid", "ask", "bid_size", "ask_size", "last", "volume")


class Outcome(Struct, frozen=True, gc=False):
    """What became of an update."""

    tick: Tick | None = None
    dropped: DropReason | None = None
    """Why there is no tick; None where there is one."""
    wrong: DropReason | None = None
    """What was wrong with the quote in it, or the part that was left out; None where it made sense, or had none."""
    left_out: tuple[str, ...] = ()
    """Fields that could not be read, or have no room beside the more important ones."""
    fits: bool = True
    """False where it is not what the instrument lets one expect: finer, one-sided, not to be traded, wrong."""


class Book:
    """The newest quote and the newest summary of one symbol, compared by value.

    A side without a price is news like any other. A quote that is wrong changes nothing; a field that cannot be
    had is left out, and what is beside it stays.
    """

    def __init__(self, symbol: str, instrument: Instrument, take_seq: Callable[[str], int]) -> None:
        """``take_seq`` gives each tick its seq."""
        self._symbol = symbol
        self._take_seq = take_seq
        self.instrument = instrument
        """As the exchange lists it now; `listed` changes it."""
        self._quote: _Quote = _NO_QUOTE
        self._quoted = False
        """Whether any quote was taken since it is traded."""
        self._update_id: int | None = None
        self._numbered_us: int | None = None
        self._lower_us: int | None = None
        """Since when there were lower ids only."""
        self._summary: _Summary = (None, None)
        self._summary_us: int | None = None

    def listed(self, instrument: Instrument, now_us: int) -> Tick | None:
        """The exchange lists it so from now on; a tick without bid and ask where it is not traded any more."""
        self.instrument = instrument
        if instrument.status == "trading":
            return None
        stopped, self._quote, self._quoted = self._quote != _NO_QUOTE or self._quoted, _NO_QUOTE, False
        return self._tick(now_us, None, [])[0] if stopped else None

    def stand_still(self, now_us: int) -> Tick:
        """A tick of what is known, though nothing has come."""
        return self._tick(now_us, None, [])[0]

    def apply(self, update: Update) -> Outcome:
        """Take what of ``update`` makes sense and is new."""
        event_us, update_id = update.event_us, update.update_id
        if event_us is not None and not 0 <= event_us <= MAX_EXACT:
            return Outcome(dropped="malformed", wrong="malformed", fits=False)
        if update_id is not None and not 0 <= update_id <= MAX_EXACT:
            return Outcome(dropped="malformed", wrong="malformed", fits=False)
        left_out: list[str] = []
        quote, wrong = self._read_quote(update, left_out)
        summary, unread = self._read_summary(update, left_out)
        if quote is None and summary is None:
            reason = wrong or unread or "malformed"
            return Outcome(dropped=reason, wrong=wrong or (None if unread else reason), fits=False)

        quote_fault = "repeated" if quote is None else self._fault_of_quote(quote, update)
        summary_fault = "repeated" if summary is None else self._fault_of_summary(summary, event_us)
        if quote is not None and quote_fault is None:
            self._quote, self._quoted = quote, True
            if update_id is not None:
                self._update_id = update_id
                self._numbered_us = update.recv_us
                self._lower_us = None
        if summary is not None and summary_fault != "out_of_order":
            # One that is only repeated still moves the time that older ones are told by.
            self._summary = summary
            self._summary_us = self._summary_us if event_us is None else event_us
        if quote_fault and summary_fault:
            # A missing part counts as repeated, so the other one's word is the one to report.
            late = "out_of_order" in (quote_fault, summary_fault)
            dropped: DropReason = wrong or ("out_of_order" if late else "repeated")
            return Outcome(dropped=dropped, wrong=wrong, left_out=tuple(left_out), fits=not wrong)
        tick, exact = self._tick(update.recv_us, event_us, left_out)
        fits = exact and wrong is None and not left_out and (quote is None or None not in quote[:2])
        return Outcome(tick, wrong=wrong, left_out=tuple(left_out), fits=fits)

    def _read_quote(self, update: Update, left_out: list[str]) -> tuple[_Quote | None, DropReason | None]:
        """The quote of ``update``, if there is one to be had, and what is wrong with it."""
        bid_text, ask_text = update.bid, update.ask
        if bid_text is None and ask_text is None:
            nothing = update.bid_size is None and update.ask_size is None and update.update_id is None
            return None, None if nothing else "malformed"
        if self.instrument.status != "trading":
            return None, "not_trading"
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
        return (bid, ask, bid_size, ask_size), fault

    def _read_summary(self, update: Update, left_out: list[str]) -> tuple[_Summary | None, DropReason | None]:
        """The summary of ``update``, what it does not say as it was; and why there is none though there are words."""
        if update.last is None and update.volume is None:
            return None, None
        last, volume = self._summary
        before = len(left_out)
        if update.last is not None:
            # Binance writes zero for the last price of a symbol that was not traded: there is none.
            last = _other(update.last, "last", left_out)
            last = last if last is not None and last[0] else None
        if update.volume is not None:
            volume = _other(update.volume, "volume", left_out)
        if len(left_out) - before == (update.last is not None) + (update.volume is not None):
            del left_out[before:]
            return None, "malformed"
        return (last, volume), None

    def _fault_of_quote(self, quote: _Quote, update: Update) -> DropReason | None:
        if update.update_id is not None:
            if self._update_id is None or update.update_id > self._update_id:
                return None
            return "repeated" if update.update_id == self._update_id else self._fault_of_lower(update)
        if self._quoted and quote == self._quote:
            return "repeated"
        if self._numbered_us is not None and 0 <= update.recv_us - self._numbered_us < _ANSWER_AGE_US:
            return "out_of_order"
        return None

    def _fault_of_lower(self, update: Update) -> DropReason | None:
        if self._lower_us is None or update.recv_us < self._lower_us:
            self._lower_us = update.recv_us
        if update.recv_us - self._lower_us < _RENUMBERED_US:
            return "out_of_order"
        logger.warning("%s is numbered anew: %s after %s", self._symbol, update.update_id, self._update_id)
        return None

    def _fault_of_summary(self, summary: _Summary, event_us: int | None) -> DropReason | None:
        if event_us is not None and self._summary_us is not None and 0 < self._summary_us - event_us <= _LATE_US:
            return "out_of_order"
        return "repeated" if summary == self._summary else None

    def _tick(self, recv_us: int, event_us: int | None, left_out: list[str]) -> tuple[Tick, bool]:
        """The tick of what is known, and whether its instrument's scales are fine enough for it."""
        bid, ask, bid_size, ask_size = self._quote
        last, volume = self._summary
        floor = self.instrument.scales
        price_scale, *prices = fit_prices(floor.price, bid, ask, last)
        size_scale, *sizes = fit_sizes(floor.size, bid_size, ask_size, volume)
        known, fields = self._quote + self._summary, (*prices[:2], *sizes[:2], prices[2], sizes[2])
        if known.count(None) != fields.count(UNSET):
            both = zip(_FIELDS, known, fields, strict=True)
            left_out += [name for name, its, field in both if its is not None and field is UNSET]
        tick = Tick(
            symbol=self._symbol,
            seq=self._take_seq(self._symbol),
            bid=prices[0],
            ask=prices[1],
            bid_size=sizes[0],
            ask_size=sizes[1],
            last=prices[2],
            volume=sizes[2],
            price_scale=price_scale,
            size_scale=size_scale,
            event_us=UNSET if event_us is None else event_us,
            recv_us=recv_us,
        )
        return tick, price_scale <= floor.price and size_scale <= floor.size


def _price(text: str | None) -> tuple[Number | None, DropReason | None]:
    """One side's price, None where the exchange has none; and why it cannot be had."""
    if not text:
        return None, None
    try:
        its = number(text)
    except TooFineError:
        return None, "too_fine"
    except TooLargeError:
        return None, "too_large"
    # Binance writes zero for a side on which nobody offers anything.
    return (its if its[0] else None), None


def _other(text: str | None, name: str, left_out: list[str]) -> Number | None:
    """A size, a last price or a volume; one that cannot be read is left out."""
    if not text:
        return None
    try:
        return number(text)
    except DecimalError:
        left_out.append(name)
        return None


def _above(one: Number, other: Number) -> bool:
    return one[0] * POWERS_OF_TEN[other[1]] > other[0] * POWERS_OF_TEN[one[1]]
