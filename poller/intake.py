"""Takes what a source reports to the processor, and the outcome to publisher, quality monitor and states."""

from collections.abc import Callable, Mapping

from market.prices.instruments import Instrument
from market.prices.tick import Tick
from poller.publishing.slow_topics import SlowTopics
from poller.quality import QualityMonitor
from poller.source import Update, Verdict
from poller.states import SymbolStates
from poller.ticks.processor import Processor


class Intake:
    """The `poller.source.Listener` of a poller."""

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        take_seq: Callable[[str], int],
        put: Callable[[Tick], None],
        quality: QualityMonitor,
        states: SymbolStates,
        slow_topics: SlowTopics | None = None,
        *,
        doubt: Callable[[str], None],
        now_us: Callable[[], int],
    ) -> None:
        """Pass ticks to ``put``, and figures of 24 hours and listings to ``slow_topics``.

        A symbol whose update does not fit its instrument goes to ``doubt``.
        """
        self.processor = Processor({}, take_seq)
        self._put = put
        self._quality = quality
        self._states = states
        self._slow_topics = slow_topics
        self._doubt = doubt
        self._now_us = now_us
        self._traded: set[str] = set()
        for symbol, instrument in instruments.items():
            self.listed(symbol, instrument)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are served."""
        return self.processor.symbols

    def update(self, update: Update) -> Verdict:
        """See `poller.source.Listener.update`."""
        outcome = self.processor.process(update)
        if outcome.tick is not None:
            self._put(outcome.tick)
        symbol = update.symbol
        if update.stats is not None and self._slow_topics is not None and outcome.dropped != "unknown_symbol":
            self._slow_topics.put(update.stats)
        verdict: Verdict = "known" if outcome.tick is None else "news"
        if outcome.wrong is not None:
            # A symbol that is not traded may have any quote.
            if outcome.wrong != "not_trading":
                self._quality.bad(symbol, outcome.wrong)
                verdict = "unusable"
        elif update.update_id is not None or update.bid is not None or update.ask is not None:
            self._quality.good(symbol)
        if not outcome.fits:
            self._doubt(symbol)
        return verdict

    def unreadable(self, symbol: str | None, why: str) -> None:
        """See `poller.source.Listener.unreadable`."""
        self._quality.bad(symbol, why)

    def listed(self, symbol: str, instrument: Instrument) -> None:
        """See `poller.source.Listener.listed`."""
        is_new = symbol not in self.processor.symbols
        tick = self.processor.listed(symbol, instrument, self._now_us())
        if tick is not None:
            self._put(tick)
        if instrument.status != "trading":
            self._traded.discard(symbol)
            self._quality.forget(symbol)
        elif symbol not in self._traded:
            self._traded.add(symbol)
            # A symbol that was not traded before is live from its first price on.
            self._quality.awaited(symbol, patiently=is_new)
        self._states.listed(symbol, instrument)
        if self._slow_topics is not None:
            self._slow_topics.listed(symbol, instrument)

    def uncovered(self, symbol: str, reason: str, for_s: float = 0.0) -> None:
        """See `poller.source.Listener.uncovered`."""
        self._states.uncovered(symbol, reason, for_s)

    def covered(self, symbol: str, note: str = "") -> None:
        """See `poller.source.Listener.covered`."""
        self._states.covered(symbol, note)

    def clear(self) -> None:
        """Publish that no price is known: another source takes over, and the old one's prices must not stay."""
        for symbol in self.symbols:
            self._put(self.processor.clear(symbol, self._now_us()))
            if self._slow_topics is not None:
                self._slow_topics.clear(symbol, self._now_us())

    def forget(self, symbol: str) -> None:
        """``symbol`` is not served any more."""
        self.processor.forget(symbol)
        self._traded.discard(symbol)
        self._quality.forget(symbol)
        self._states.forget(symbol)
        if self._slow_topics is not None:
            self._slow_topics.forget(symbol)
