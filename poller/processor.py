"""Updates into ticks: scaled, checked, without repeats, and merged. Plain code without I/O."""

import logging
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from msgspec import UNSET, UnsetType

from market.symbols import Scales
from market.tick import MAX_EXACT, DecimalError, Tick, TooFineError, TooLargeError, scaled
from poller.sources import Update

logger = logging.getLogger(__name__)

DropReason = Literal[
    "unknown_symbol",  # a symbol that nobody asked for
    "empty_quote",  # a side is missing, or its price is zero
    "crossed_quote",  # the bid is above the ask
    "too_fine",  # digits below the symbol's scale
    "too_large",  # above 2^53 - 1
    "malformed",  # not a plain decimal, or nothing in it at all
    "repeated",  # says nothing new
    "out_of_order",  # older than what was already heard
]

_EXPECTED: frozenset[DropReason] = frozenset({"repeated", "out_of_order"})
"""Part of every normal day (two overlapping connections, a poll without change): not worth a warning."""

_MAX_NOTED = 1_000
"""Symbols named in the log for each reason are bounded: they may be a stranger's inventions."""

_ANSWER_AGE_US = 1_000_000
"""How old an answer to a request may be when it arrives: quotes with ids heard since may be newer."""

_RENUMBERED_US = 3_000_000
"""Lower ids for so long, and no higher one, are no late quotes: the exchange has begun to count anew."""

_LATE_US = 60_000_000
"""A summary older than the last by more than this was not late on its way: the exchange's clock was set back."""

_Number = int | UnsetType
_Quote = tuple[_Number, _Number, _Number, _Number]
"""Bid, ask, bid size, ask size: all of them, or none."""
_Summary = tuple[_Number, _Number]
"""Last and volume."""


class Processor:
    """The state of every symbol, and the rules by which an `Update` changes it.

    An update that is wrong in any part changes nothing. A tick always carries the newest quote and the
    newest summary of its symbol, whichever of them the update brought.
    """

    def __init__(self, scales: Mapping[str, Scales], number: Callable[[str], int]) -> None:
        """Make ticks of the symbols that ``scales`` has; ``number`` gives each tick its seq."""
        self._books = {symbol: _Book(symbol, its, number) for symbol, its in scales.items()}
        self._noted: set[tuple[DropReason, str]] = set()
        self.drops: dict[DropReason, int] = dict.fromkeys(get_args(DropReason), 0)
        """Updates that made no tick, by the reason."""
        self.refused: DropReason | None = None
        """Why the last update was of no use; None where it was, or only said nothing new."""

    def process(self, update: Update) -> Tick | None:
        """The tick that ``update`` makes, or None; the reason is then counted in `drops`."""
        book = self._books.get(update.symbol)
        outcome: Tick | DropReason = "unknown_symbol" if book is None else book.apply(update)
        if isinstance(outcome, Tick):
            self.refused = None
            return outcome
        self.refused = None if outcome in _EXPECTED else outcome
        self.drops[outcome] += 1
        if outcome not in _EXPECTED:
            self._note(outcome, update)
        return None

    def _note(self, reason: DropReason, update: Update) -> None:
        key = (reason, update.symbol)
        if key not in self._noted and len(self._noted) < _MAX_NOTED:
            self._noted.add(key)
            logger.warning("dropped as %s, more of these only counted: %.400r", reason, update)


class _Book:
    """What is known of one symbol."""

    def __init__(self, symbol: str, scales: Scales, number: Callable[[str], int]) -> None:
        self._symbol = symbol
        self._scales = scales
        self._number = number
        self._quote: _Quote = (UNSET, UNSET, UNSET, UNSET)
        self._update_id: int | None = None
        self._numbered_us: int | None = None
        self._lower_us: int | None = None
        """Since when there were lower ids only."""
        self._summary: _Summary = (UNSET, UNSET)
        self._summary_us: int | None = None

    def apply(self, update: Update) -> Tick | DropReason:
        """Take ``update`` in whole and give its tick, or leave everything as it is and give the reason."""
        event_us = update.event_us
        if event_us is not None and not 0 <= event_us <= MAX_EXACT:
            return "malformed"
        if update.update_id is not None and not 0 <= update.update_id <= MAX_EXACT:
            return "malformed"
        try:
            quote = self._quote_in(update)
            summary = self._summary_in(update)
        except TooFineError:
            return "too_fine"
        except TooLargeError:
            return "too_large"
        except DecimalError:
            return "malformed"
        if isinstance(quote, str):
            return quote
        if quote is None and summary is None:
            return "malformed"

        quote_fault = "repeated" if quote is None else self._fault_of_quote(quote, update)
        summary_fault = "repeated" if summary is None else self._fault_of_summary(summary, event_us)
        if quote is not None and quote_fault is None:
            self._quote = quote
            if update.update_id is not None:
                self._update_id = update.update_id
                self._numbered_us = update.recv_us
                self._lower_us = None
        if summary is not None and summary_fault != "out_of_order":
            # One that is only repeated still moves the time that older ones are told by.
            self._summary = summary
            self._summary_us = self._summary_us if event_us is None else event_us
        if quote_fault and summary_fault:
            # A missing part counts as repeated, so the other one's word is the one to report.
            return "out_of_order" if "out_of_order" in {quote_fault, summary_fault} else "repeated"
        return self._tick(update)

    def _quote_in(self, update: Update) -> "_Quote | DropReason | None":
        bid, ask, bid_size, ask_size = update.bid, update.ask, update.bid_size, update.ask_size
        if bid is None and ask is None and bid_size is None and ask_size is None:
            return None
        if bid is None or ask is None or bid_size is None or ask_size is None:
            return "empty_quote"
        price, size = self._scales.price, self._scales.size
        bid_price, ask_price = scaled(bid, price), scaled(ask, price)
        quote = bid_price, ask_price, scaled(bid_size, size), scaled(ask_size, size)
        if bid_price == 0 or ask_price == 0:
            return "empty_quote"
        return "crossed_quote" if bid_price > ask_price else quote

    def _summary_in(self, update: Update) -> "_Summary | None":
        if update.last is None and update.volume is None:
            return None
        last, volume = self._summary
        if update.last is not None:
            # Binance writes zero for the last price of a symbol that was not traded: there is none.
            last = scaled(update.last, self._scales.price) or UNSET
        if update.volume is not None:
            volume = scaled(update.volume, self._scales.size)
        return last, volume

    def _fault_of_quote(self, quote: "_Quote", update: Update) -> DropReason | None:
        if update.update_id is not None:
            if self._update_id is None or update.update_id > self._update_id:
                return None
            return "repeated" if update.update_id == self._update_id else self._fault_of_lower(update)
        if quote == self._quote:
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

    def _fault_of_summary(self, summary: "_Summary", event_us: int | None) -> DropReason | None:
        if event_us is not None and self._summary_us is not None and 0 < self._summary_us - event_us <= _LATE_US:
            return "out_of_order"
        return "repeated" if summary == self._summary else None

    def _tick(self, update: Update) -> Tick:
        bid, ask, bid_size, ask_size = self._quote
        last, volume = self._summary
        return Tick(
            symbol=self._symbol,
            seq=self._number(self._symbol),
            bid=bid,
            ask=ask,
            bid_size=bid_size,
            ask_size=ask_size,
            last=last,
            volume=volume,
            price_scale=self._scales.price,
            size_scale=self._scales.size,
            event_us=UNSET if update.event_us is None else update.event_us,
            recv_us=update.recv_us,
        )
