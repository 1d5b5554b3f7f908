"""The state of one symbol, and how an `Update` changes it. Plain code without I/O."""

import logging
from collections.abc import Callable

from msgspec import UNSET, Struct, UnsetType

from market.prices.instruments import Instrument
from market.prices.tick import MAX_EXACT, Tick
from poller.log_events import UPDATES_NUMBERED_ANEW
from poller.source import Update
from poller.ticks.readings import (
    NO_QUOTE,
    DropReason,
    Fine,
    FineSummary,
    Plain,
    PlainSummary,
    fine_quote,
    fine_summary,
    plain_quote,
    plain_summary,
    read_quote,
    read_summary,
)
from poller.ticks.scaling import fit_prices, fit_sizes

logger = logging.getLogger(__name__)

_ANSWER_AGE_US = 1_000_000
"""The greatest age of an answer on arrival: quotes with ids that came since the request may be newer."""

_RENUMBERED_US = 3_000_000
"""If only lower ids arrive for this long, they are not late quotes: the exchange has restarted its count."""

_LATE_US = 60_000_000
"""A summary that is older than the last by more than this is not late: the exchange's clock was set back."""


class Outcome(Struct, frozen=True, gc=False):
    """The result of an update."""

    tick: Tick | None = None
    dropped: DropReason | None = None
    """Why there is no tick; None if there is one."""
    wrong: DropReason | None = None
    """What was wrong with its quote, or with the part that was left out; None if it was usable or absent."""
    left_out: tuple[str, ...] = ()
    """Fields that are unreadable, or have no room beside more important ones."""
    fits: bool = True
    """False if it does not fit the instrument: finer, one-sided, not traded, wrong."""


class Book:
    """The newest quote and the newest summary of one symbol, compared by value.

    A side without a price is news like any other. A wrong quote changes nothing; an unreadable field is left out, and
    the other fields stay.
    """

    def __init__(self, symbol: str, instrument: Instrument, take_seq: Callable[[str], int]) -> None:
        """``take_seq`` gives each tick its seq."""
        self._symbol = symbol
        self._take_seq = take_seq
        self.instrument = instrument
        """The newest listing; `listed` changes it."""
        self._quote: Plain | Fine = NO_QUOTE
        self._quoted = False
        """Whether a quote was taken since the symbol is traded."""
        self._update_id: int | None = None
        self._quote_id: int | UnsetType = UNSET
        """The exchange's number of the quote, for clients."""
        self._numbered_us: int | None = None
        self._lower_us: int | None = None
        """Since when only lower ids arrive."""
        self._summary: PlainSummary | FineSummary = (None, None)
        self._summary_us: int | None = None

    def listed(self, instrument: Instrument, now_us: int) -> Tick | None:
        """Take a new listing; return a tick without bid and ask if the symbol is no longer traded."""
        before, scales = self.instrument.scales, instrument.scales
        if scales != before:
            # Integers are only valid at the scales at which they were read.
            self._quote = plain_quote(fine_quote(self._quote, before), scales)
            self._summary = plain_summary(fine_summary(self._summary, before), scales)
        self.instrument = instrument
        if instrument.status == "trading":
            return None
        stopped, self._quote, self._quoted = self._quote != NO_QUOTE or self._quoted, NO_QUOTE, False
        self._quote_id = UNSET
        return self.stand_still(now_us) if stopped else None

    def stand_still(self, now_us: int) -> Tick:
        """A tick of the present state, without an update."""
        return self._fine_tick(now_us, UNSET, [])

    def apply(self, update: Update) -> Outcome:
        """Take the parts of ``update`` that are usable and new."""
        event_us, update_id = update.event_us, update.update_id
        if event_us is not None and not 0 <= event_us <= MAX_EXACT:
            return Outcome(dropped="malformed", wrong="malformed", fits=False)
        if update_id is not None and not 0 <= update_id <= MAX_EXACT:
            return Outcome(dropped="malformed", wrong="malformed", fits=False)
        left_out: list[str] = []
        scales = self.instrument.scales
        if self.instrument.status == "trading":
            quote, wrong = read_quote(update, scales, left_out)
        else:
            quote, wrong = None, None if update.bid is None and update.ask is None else "not_trading"
        summary, unread = read_summary(update, self._summary, scales, left_out)
        if quote is None and summary is None:
            reason = wrong or unread or "malformed"
            return Outcome(dropped=reason, wrong=wrong or (None if unread else reason), fits=False)

        quote_fault = "repeated" if quote is None else self._fault_of_quote(quote, update)
        summary_fault = "repeated" if summary is None else self._fault_of_summary(summary, event_us)
        if quote is not None and quote_fault is None:
            self._quote, self._quoted = quote, True
            self._quote_id = UNSET if update_id is None or not update.counted else update_id
            if update_id is not None:
                self._update_id = update_id
                self._numbered_us = update.recv_us
                self._lower_us = None
        if summary is not None and summary_fault != "out_of_order":
            # A repeated summary still moves the time by which older ones are recognised.
            self._summary = summary
            self._summary_us = self._summary_us if event_us is None else event_us
        if quote_fault and summary_fault:
            # A missing part counts as repeated, so the other part's fault is reported.
            late = "out_of_order" in (quote_fault, summary_fault)
            dropped: DropReason = wrong or ("out_of_order" if late else "repeated")
            return Outcome(dropped=dropped, wrong=wrong, left_out=tuple(left_out), fits=not wrong)
        event = UNSET if event_us is None else event_us
        plain = self._plain_tick(update.recv_us, event)
        tick = plain or self._fine_tick(update.recv_us, event, left_out)
        fits = wrong is None and not left_out and (plain is not None or not self._is_odd(tick))
        return Outcome(tick, wrong=wrong, left_out=tuple(left_out), fits=fits)

    def _fault_of_quote(self, quote: Plain | Fine, update: Update) -> DropReason | None:
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
        logger.warning(UPDATES_NUMBERED_ANEW, self._symbol, update.update_id, self._update_id)
        return None

    def _fault_of_summary(self, summary: PlainSummary | FineSummary, event_us: int | None) -> DropReason | None:
        if event_us is not None and self._summary_us is not None and 0 < self._summary_us - event_us <= _LATE_US:
            return "out_of_order"
        return "repeated" if summary == self._summary else None

    def _plain_tick(self, recv_us: int, event_us: int | UnsetType) -> Tick | None:
        """The tick of the present state; None if some of it does not fit the instrument's scales."""
        quote, summary = self._quote, self._summary
        if isinstance(quote, Fine) or isinstance(summary, FineSummary):
            return None
        last, volume = summary
        scales = self.instrument.scales
        return Tick(
            symbol=self._symbol,
            seq=self._take_seq(self._symbol),
            bid=quote[0],
            ask=quote[1],
            bid_size=quote[2],
            ask_size=quote[3],
            last=UNSET if last is None else last,
            volume=UNSET if volume is None else volume,
            price_scale=scales.price,
            size_scale=scales.size,
            event_us=event_us,
            recv_us=recv_us,
            update_id=self._quote_id,
        )

    def _fine_tick(self, recv_us: int, event_us: int | UnsetType, left_out: list[str]) -> Tick:
        """The tick of the present state, at its own scales; fields without room are added to ``left_out``."""
        scales = self.instrument.scales
        bid, ask, bid_size, ask_size = fine_quote(self._quote, scales)
        last, volume = fine_summary(self._summary, scales)
        price_scale, *prices = fit_prices(scales.price, bid, ask, last)
        size_scale, *sizes = fit_sizes(scales.size, bid_size, ask_size, volume)
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
            event_us=event_us,
            recv_us=recv_us,
            update_id=self._quote_id,
        )
        known = {"bid": bid, "ask": ask, "bid_size": bid_size, "ask_size": ask_size, "last": last, "volume": volume}
        left_out += [name for name, its in known.items() if its is not None and getattr(tick, name) is UNSET]
        return tick

    def _is_odd(self, tick: Tick) -> bool:
        """Whether ``tick`` is finer than its instrument, or has a side without a price."""
        scales = self.instrument.scales
        finer = tick.price_scale > scales.price or tick.size_scale > scales.size
        return finer or (self._quoted and UNSET in (tick.bid, tick.ask))
