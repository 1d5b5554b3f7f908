"""Asking REST once: for what a new connection cannot know, and whether a quiet symbol is only quiet."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping

from poller.sources import Update, Verdict
from poller.sources.backoff import Backoff
from poller.sources.binance import Counters
from poller.sources.binance_listing import Listing
from poller.sources.binance_polling import Polling, Take
from poller.sources.binance_timing import RestTiming, StreamTiming
from poller.sources.doubts import Doubts
from poller.sources.weight import SUMMARY_CHUNK


class Inquiry:
    """Knows what the streams brought of each symbol, and asks where that may not be all there is.

    An answer counts only where no stream has told anything since it was asked for.
    """

    def __init__(
        self,
        polling: Polling,
        listing: Listing,
        *,
        tell: Callable[[Update], Verdict],
        timing: StreamTiming,
        rest_timing: RestTiming,
        counters: Counters,
        rng: random.Random,
    ) -> None:
        """What the answers say goes to ``tell``."""
        self._polling = polling
        self._listing = listing
        self._tell = tell
        self._timing = timing
        self._counters = counters
        self._clock = asyncio.get_running_loop().time
        self._backoff = Backoff(rest_timing.backoff_base_s, rest_timing.backoff_cap_s, rng)
        self._quote_heard: dict[str, int] = {}
        """Symbol → how many messages had come when one brought its last quote."""
        self._summary_heard: dict[str, int] = {}
        self._quotes = Doubts(timing.doubts)
        self._summaries = Doubts(timing.summary_doubts, SUMMARY_CHUNK)
        self._seeds: dict[str, None] = {}
        """Symbols to be asked for once."""
        self._seeds_wanted = asyncio.Event()

    def heard(self, update: Update, verdict: Verdict) -> None:
        """A stream brought ``update``."""
        symbol, now = update.symbol, self._clock()
        if update.update_id is None:
            self._summary_heard[symbol] = self._counters.messages
            self._summaries.heard(symbol, now)
        elif verdict == "unusable":
            # Whatever REST answers is better than this.
            self._quotes.unusable(symbol, now)
        else:
            self._quote_heard[symbol] = self._counters.messages
            self._quotes.heard(symbol, now)

    def misheard(self, symbol: str | None) -> None:
        """A stream brought what cannot be read; None where it is not known of whom."""
        if symbol is None:
            self._quotes.ask_soon()
        else:
            self._quotes.unusable(symbol, self._clock())

    def watch(self, symbols: Collection[str]) -> None:
        """A stream begins to bring ``symbols``: they are judged anew, and asked for once."""
        now, traded = self._clock(), self._traded(symbols)
        self._quotes.watch(traded, now)
        self._summaries.watch(traded, now)
        self._seeds.update(dict.fromkeys(symbols))
        self._seeds_wanted.set()

    def lost(self, symbols: Collection[str]) -> None:
        """No stream brings ``symbols`` now: their silence proves nothing."""
        self._quotes.forget(symbols)
        self._summaries.forget(symbols)

    def forget(self, symbols: Collection[str]) -> None:
        """Nothing is expected of ``symbols``."""
        self.lost(symbols)
        for symbol in symbols:
            self._seeds.pop(symbol, None)

    def verdicts(self) -> Mapping[str, str]:
        """The symbols whose stream cannot be relied on, and why."""
        return self._quotes.verdicts(self._clock())

    def begin(self, told: Callable[[Update, Verdict], None] = lambda _update, _verdict: None) -> Take:
        """Where an answer goes that is asked for now; ``told`` hears what of it counts, and what that was worth."""
        asked_at = self._counters.messages

        def take(update: Update) -> None:
            heard = self._summary_heard if update.last is not None or update.volume is not None else self._quote_heard
            # One that was removed since it was asked for is nobody's any more.
            if heard.get(update.symbol, 0) <= asked_at and update.symbol in self._listing.instruments:
                told(update, self._tell(update))

        return take

    def stand_in(self) -> Take:
        """Where an answer goes that stands in for streams; what it knows is held against those that were found dead."""
        dead, told = self.verdicts(), self._quote_answered(self._clock())
        return self.begin(lambda update, verdict: told(update, verdict) if update.symbol in dead else None)

    async def run(self) -> None:
        """Ask, now and then, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._seed())
            group.create_task(self._settle_doubts())

    async def _seed(self) -> None:
        """Ask once for the quotes and summaries of each new connection's symbols."""
        while True:
            await self._seeds_wanted.wait()
            self._seeds_wanted.clear()
            # Whoever begins anew while this question is under way asks for another one. What is not traded is asked
            # for once it is.
            symbols, self._seeds = self._traded(self._seeds), {}
            if not symbols:
                continue
            fault = await self._polling.quotes(symbols, self.begin())
            fault = fault or await self._polling.summaries(symbols, self.begin())
            if fault is None:
                self._backoff.reset()
            else:
                self._seeds.update(dict.fromkeys(symbols))
                self._seeds_wanted.set()
                await asyncio.sleep(self._backoff.next_s())

    async def _settle_doubts(self) -> None:
        while True:
            await asyncio.sleep(self._timing.review_s)
            if due := self._traded(self._quotes.due(self._clock())):
                self._counters.questions += 1
                await self._polling.quotes(due, self.begin(self._quote_answered(self._clock())))
            if due := self._traded(self._summaries.due(self._clock())):
                await self._polling.summaries(due, self.begin(self._summary_answered))

    def _quote_answered(self, asked_at: float) -> Callable[[Update, Verdict], None]:
        def told(update: Update, verdict: Verdict) -> None:
            if verdict == "unusable":
                return
            if self._quotes.answered(update.symbol, asked_at, self._clock(), newer=verdict == "news"):
                # Quiet for long, by REST too: perhaps it is not traded any more.
                self._listing.doubt(update.symbol)

        return told

    def _summary_answered(self, update: Update, _verdict: Verdict) -> None:
        # Summaries move by the clock too, as old trades leave the day: one that is newer proves nothing.
        now = self._clock()
        self._summaries.answered(update.symbol, now, now, newer=False)

    def _traded(self, symbols: Collection[str]) -> tuple[str, ...]:
        return tuple(symbol for symbol in symbols if self._listing.is_traded(symbol))
