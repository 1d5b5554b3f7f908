"""Single REST requests: for prices that a new connection missed, and about quiet symbols: is the market quiet?"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from market.process.tasks import Group
from poller.coverage.listing import Listing
from poller.coverage.staleness import UNSEEDED, StalenessWatch
from poller.network.backoff import Backoff
from poller.network.counters import Counters
from poller.rest.client import Failure
from poller.rest.polling import Polling
from poller.rest.timing import RestTiming
from poller.source import Take, Update, Verdict
from poller.stream.timing import StreamTiming

Ask = Callable[[tuple[str, ...], Take], Awaitable[Failure | None]]


class _Seeds:
    """Symbols to request once. A symbol that is added during a request is requested again."""

    def __init__(self) -> None:
        self.is_new = False
        """Whether some were added of which no request has been answered or has failed."""
        self._symbols: dict[str, None] = {}
        self._some, self._new = asyncio.Event(), asyncio.Event()

    def add(self, symbols: Iterable[str]) -> None:
        self.is_new = True
        self._new.set()
        self._put(symbols)

    def put_back(self, symbols: Iterable[str]) -> None:
        """Request ``symbols`` again: the request failed."""
        self._put(symbols)

    def _put(self, symbols: Iterable[str]) -> None:
        self._symbols.update(dict.fromkeys(symbols))
        self._some.set()

    def remove(self, symbols: Iterable[str]) -> None:
        for symbol in symbols:
            self._symbols.pop(symbol, None)

    async def take(self) -> tuple[str, ...]:
        """Wait for at least one, and take them all."""
        await self._some.wait()
        self._some.clear()
        self._new.clear()
        taken, self._symbols = tuple(self._symbols), {}
        return taken

    def asked(self) -> None:
        """The request for those that were taken is over."""
        self.is_new = self._new.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait so long, but not longer than until others are added: where streams are back, REST may be too."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._new.wait()


class Inquiry:
    """Records what the streams brought of each symbol, and asks REST if that may be incomplete.

    An answer counts only if no stream has brought the symbol since the request.
    """

    def __init__(
        self,
        polling: Polling,
        listing: Listing,
        *,
        report: Callable[[Update], Verdict],
        timing: StreamTiming,
        rest_timing: RestTiming,
        counters: Counters,
        rng: random.Random,
        summaries_at_once: int | None = None,
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        """Answers go to ``report``; a request for summaries names ``summaries_at_once`` symbols.

        ``asked`` is called after each request for the quotes that new connections missed.
        """
        self._polling = polling
        self._listing = listing
        self._report = report
        self._asked = asked
        self._timing = timing
        self._counters = counters
        self._clock = asyncio.get_running_loop().time
        self._backoffs = [Backoff(rest_timing.backoff_base_s, rest_timing.backoff_cap_s, rng) for _ in range(2)]
        self._turn = 0
        """The number of updates from streams so far: it orders requests and updates."""
        self._quote_received: dict[str, int] = {}
        """Symbol → the turn of its last quote."""
        self._summary_received: dict[str, int] = {}
        self._quotes = StalenessWatch(timing.doubts)
        self._summaries = StalenessWatch(timing.summary_doubts, summaries_at_once)
        self._unseeded: dict[str, tuple[float, float]] = {}
        """Symbols without a quote since their stream began: since when there is none, over all their streams, and when
        the newest stream began."""
        self._priced_at: dict[str, float] = {}
        """Symbols without a live stream: when a price of them last came, at the latest."""
        # Quotes do not wait for summaries, which take many requests if there are many symbols.
        self._quote_seeds = _Seeds()
        self._summary_seeds = _Seeds()

    def received(self, update: Update, verdict: Verdict) -> None:
        """A stream brought ``update``."""
        symbol, now = update.symbol, self._clock()
        self._turn += 1
        if update.update_id is None:
            self._summary_received[symbol] = self._turn
            self._summaries.received(symbol, now)
        elif verdict == "unusable":
            # Any answer of REST is better than this quote.
            self._quotes.unusable(symbol, now)
        else:
            self._quote_received[symbol] = self._turn
            self._quotes.received(symbol, now)
            if self._unseeded:
                self._unseeded.pop(symbol, None)

    def alive(self, symbol: str) -> None:
        """Do nothing: a sign of life has no price, and REST may know a newer one."""

    def unreadable(self, symbol: str | None) -> None:
        """A stream sent something unreadable about ``symbol``; None if even the symbol is unreadable."""
        if symbol is None:
            self._quotes.ask_soon()
        else:
            self._quotes.unusable(symbol, self._clock())

    def watch(self, symbols: Collection[str], quoted: Collection[str] = ()) -> None:
        """See `poller.coverage.watch.Watch.watch`. REST is asked once."""
        now, traded = self._clock(), self._traded(symbols)
        self._quotes.watch(traded, now)
        self._summaries.watch(traded, now)
        for symbol in traded:
            # A symbol without a quote on the last connection either, or without a stream before, has been silent for
            # longer.
            since, _ = self._unseeded.pop(symbol, (self._priced_at.pop(symbol, now), now))
            if symbol not in quoted:
                self._unseeded[symbol] = since, now
        self._quote_seeds.add(symbols)
        self._summary_seeds.add(symbols)

    def lost(self, symbols: Collection[str], at: float | None = None) -> None:
        """See `poller.coverage.watch.Watch.lost`."""
        self._quotes.forget(symbols)
        self._summaries.forget(symbols)
        lost_at = self._clock() if at is None else at
        for symbol in symbols:
            since, _ = self._unseeded.pop(symbol, (lost_at, lost_at))
            self._priced_at.setdefault(symbol, since)

    def unpriced(self, symbols: Collection[str]) -> bool:
        """See `poller.coverage.watch.Watch.unpriced`."""
        return bool(symbols) and all(symbol in self._unseeded for symbol in symbols)

    @property
    def is_asking(self) -> bool:
        """See `poller.coverage.watch.Watch.is_asking`."""
        return self._quote_seeds.is_new

    def forget(self, symbols: Collection[str]) -> None:
        """Expect nothing of ``symbols``."""
        self.lost(symbols)
        for symbol in symbols:
            self._priced_at.pop(symbol, None)
        self._quote_seeds.remove(symbols)
        self._summary_seeds.remove(symbols)

    def verdicts(self) -> Mapping[str, str]:
        """The symbols whose stream is unreliable or may be incomplete, and why."""
        now = self._clock()
        late = [symbol for symbol, (since, _) in self._unseeded.items() if now - since >= self._timing.grace_s]
        return {**dict.fromkeys(late, UNSEEDED), **self._quotes.verdicts(now)}

    def begin(self, accepted: Callable[[Update, Verdict], None] = lambda _update, _verdict: None) -> Take:
        """Return where the answer to a request goes that is sent now.

        ``accepted`` receives each update that counts, and its verdict.
        """
        asked_at, now = self._turn, self._clock()

        def take(update: Update) -> None:
            is_quote = update.last is None and update.volume is None
            received = self._quote_received if is_quote else self._summary_received
            # A symbol that was removed since the request is not reported.
            if received.get(update.symbol, 0) <= asked_at and update.symbol in self._listing.instruments:
                accepted(update, self._report(update))
                if is_quote and self._unseeded.get(update.symbol, (now, now))[1] <= now:
                    self._unseeded.pop(update.symbol, None)
                if is_quote and update.symbol in self._priced_at:
                    self._priced_at[update.symbol] = now

        return take

    def stand_in(self) -> Take:
        """Return where a stand-in's answer goes; it is also evidence about the streams that were found dead."""
        dead, accepted = self._quotes.verdicts(self._clock()), self._quote_answered(self._clock())
        return self.begin(lambda update, verdict: accepted(update, verdict) if update.symbol in dead else None)

    async def run(self) -> None:
        """Send the requests that are due, until cancelled."""
        async with Group() as group:
            group.create_task(self._seed(self._quote_seeds, self._polling.quotes, self._backoffs[0], self._asked))
            group.create_task(self._seed(self._summary_seeds, self._polling.summaries, self._backoffs[1]))
            group.create_task(self._settle_doubts())

    async def _seed(self, seeds: _Seeds, ask: Ask, backoff: Backoff, asked: Callable[[], None] = lambda: None) -> None:
        """Request the symbols of each new connection once."""
        while True:
            # A symbol that is not traded is requested when it is.
            symbols = self._traded(await seeds.take())
            failure = await ask(symbols, self.begin()) if symbols else None
            seeds.asked()
            asked()
            if failure is not None:
                seeds.put_back(symbols)
                await seeds.pause(backoff.next_s())
            elif symbols:
                backoff.reset()

    async def _settle_doubts(self) -> None:
        while True:
            await asyncio.sleep(self._timing.review_s)
            if due := self._traded(self._quotes.due(self._clock())):
                await self._ask_about(due)
            if due := self._traded(self._summaries.due(self._clock())):
                await self._polling.summaries(due, self.begin(self._summary_answered))

    async def _ask_about(self, symbols: tuple[str, ...]) -> None:
        self._counters.questions += 1
        asked_at, found = self._clock(), set[str]()
        accepted = self._quote_answered(asked_at)

        def accept(update: Update, verdict: Verdict) -> None:
            found.add(update.symbol)
            accepted(update, verdict)

        if await self._polling.quotes(symbols, self.begin(accept)) is None:
            for symbol in symbols:
                if symbol not in found and self._quotes.unanswered(symbol, asked_at, self._clock()):
                    self._listing.doubt(symbol)

    def _quote_answered(self, asked_at: float) -> Callable[[Update, Verdict], None]:
        def accepted(update: Update, verdict: Verdict) -> None:
            # The first answer after a connect: no stream could have brought what is new in it.
            if verdict == "unusable" or update.symbol in self._unseeded:
                return
            if self._quotes.answered(update.symbol, asked_at, self._clock(), newer=verdict == "news"):
                # REST has no news either: the symbol may not be traded any more.
                self._listing.doubt(update.symbol, silent=True)

        return accepted

    def _summary_answered(self, update: Update, _verdict: Verdict) -> None:
        # A summary also changes when old trades leave its 24 hours: a newer one proves nothing.
        now = self._clock()
        self._summaries.answered(update.symbol, now, now, newer=False)

    def _traded(self, symbols: Collection[str]) -> tuple[str, ...]:
        return tuple(symbol for symbol in symbols if self._listing.is_traded(symbol))
