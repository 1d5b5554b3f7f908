"""Makes ticks of updates: scales, checks, merges, and drops repeats. Plain code without I/O."""

import logging
from collections.abc import Callable, Mapping
from typing import get_args

from market.prices.instruments import Instrument
from market.prices.tick import Tick
from poller.log_events import UPDATE_DROPPED
from poller.source import Update
from poller.ticks.book import Book, Outcome
from poller.ticks.readings import DropReason

logger = logging.getLogger(__name__)

_EXPECTED: frozenset[DropReason] = frozenset({"repeated", "out_of_order", "not_trading"})
"""Normal every day (two overlapping connections, a poll without change): not worth a warning."""

_MAX_NOTED = 1_000
"""The most pairs of reason and symbol in the log: an exchange may send any number of invented symbols."""

_UNKNOWN = Outcome(dropped="unknown_symbol")


class Processor:
    """The `Book` of every symbol. A tick always carries the newest quote and the newest summary of its symbol."""

    def __init__(self, instruments: Mapping[str, Instrument], take_seq: Callable[[str], int]) -> None:
        """Make ticks of the symbols in ``instruments``; ``take_seq`` gives each tick its seq."""
        self._take_seq = take_seq
        self._books = {symbol: Book(symbol, its, take_seq) for symbol, its in instruments.items()}
        self._noted: set[tuple[str, str]] = set()
        self.drops: dict[DropReason, int] = dict.fromkeys(get_args(DropReason), 0)
        """Updates that made no tick, by the reason."""
        self.left_out: dict[str, int] = {}
        """Fields that were left out of ticks, by their name."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are served."""
        return tuple(self._books)

    def process(self, update: Update) -> Outcome:
        """Process ``update``; an update without a tick is counted in `drops`, by its reason."""
        book = self._books.get(update.symbol)
        outcome = _UNKNOWN if book is None else book.apply(update)
        if outcome.dropped is not None:
            self.drops[outcome.dropped] += 1
            if outcome.dropped not in _EXPECTED:
                self._note(f"dropped as {outcome.dropped}", update)
        for name in outcome.left_out:
            self.left_out[name] = self.left_out.get(name, 0) + 1
            self._note(f"{name} left out", update)
        return outcome

    def listed(self, symbol: str, instrument: Instrument, now_us: int) -> Tick | None:
        """Take a new listing of ``symbol``; return a tick without prices if it is not traded."""
        book = self._books.get(symbol)
        if book is not None:
            return book.listed(instrument, now_us)
        self._books[symbol] = book = Book(symbol, instrument, self._take_seq)
        return None if instrument.status == "trading" else book.stand_still(now_us)

    def clear(self, symbol: str, now_us: int) -> Tick:
        """Drop the state of ``symbol``; return a tick without prices."""
        instrument = self._books[symbol].instrument
        self._books[symbol] = book = Book(symbol, instrument, self._take_seq)
        return book.stand_still(now_us)

    def forget(self, symbol: str) -> None:
        """``symbol`` is not served any more."""
        self._books.pop(symbol, None)

    def _note(self, what: str, update: Update) -> None:
        key = (what, update.symbol)
        if key not in self._noted and len(self._noted) < _MAX_NOTED:
            self._noted.add(key)
            logger.warning(UPDATE_DROPPED, what, update)
