"""Binance by REST alone: the newest quotes each second."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import structs

from market.prices.instruments import Instrument
from market.process.tasks import Group
from poller.coverage.staleness import MISSING
from poller.network.backoff import Backoff
from poller.network.counters import Counters
from poller.network.endpoints import Endpoints
from poller.network.exchange_link import ExchangeLink
from poller.rest.client import RestClient
from poller.rest.polling import Polling
from poller.rest.timing import RestTiming
from poller.source import LinkState, Listener, NullListener, Update
from poller.venues.binance.listing import Listing
from poller.venues.binance.rest import QUESTIONS, BinanceRestDialect


class BinanceRest:
    """A `poller.source.Source` that requests ``bookTicker`` each second, and ``24hr`` as often as is cheap."""

    def __init__(
        self,
        symbols: Iterable[str],
        rest_url: Endpoints | str,
        *,
        now_us: Callable[[], int],
        rng: random.Random,
        timing: RestTiming | None = None,
    ) -> None:
        """Serve ``symbols`` from ``rest_url``; ``now_us`` is the wall clock, ``rng`` the randomness of backoff."""
        self._timing = timing or RestTiming()
        self._counters = Counters()
        self._client = RestClient(rest_url, BinanceRestDialect(), self._timing, self._counters, now_us)
        self._link = ExchangeLink("binance-rest", now_us)
        self._backoff = Backoff(self._timing.backoff_base_s, self._timing.backoff_cap_s, rng)
        self._listener: Listener = NullListener()
        self._listing = Listing(self._client, symbols, timing=self._timing, changed=self._listed)
        self._moved_at: dict[str, float] = {}
        """Symbol → when its quote last changed, in the event loop's time."""
        self._polling = Polling(
            self._client,
            QUESTIONS,
            lambda: self._listing.answerable,
            timing=self._timing,
            counters=self._counters,
            now_us=now_us,
            rng=rng,
            changed=self._refresh,
            answered=self._answered,
            refused=self._refused,
        )

    @property
    def state(self) -> LinkState:
        """Up while prices arrive; the reason names a ban, a fault, or a slowed pace."""
        return self._link.state

    @property
    def counters(self) -> dict[str, int]:
        """The counters, by the names of `poller.network.counters.Counters`."""
        return structs.asdict(self._counters)

    async def instruments(self) -> Mapping[str, Instrument]:
        """As `poller.source.Source.instruments`."""
        async with self._client:
            return await self._listing.first(
                self._backoff, lambda reason: self._link.set("binance-rest", "down", reason)
            )

    async def run(self, listener: Listener) -> None:
        """As `poller.source.Source.run`."""
        self._listener = listener
        async with self._client, Group() as group:
            group.create_task(self._listing.run())
            group.create_task(self._polling.run(lambda: self._take))

    def doubt(self, symbol: str) -> None:
        """As `poller.source.Source.doubt`."""
        self._listing.doubt(symbol)

    def serve(self, symbols: Iterable[str]) -> None:
        """As `poller.source.Source.serve`."""
        self._listing.serve(symbols)

    def _listed(self, symbol: str, instrument: Instrument) -> None:
        self._polling.named_again()
        self._listener.listed(symbol, instrument)

    def _take(self, update: Update) -> None:
        # A symbol that was removed since the request is not reported.
        if update.symbol in self._listing.instruments:
            verdict = self._listener.update(update)
            if update.last is None and update.volume is None:
                now = asyncio.get_running_loop().time()
                if verdict == "news":
                    self._moved_at[update.symbol] = now
                elif now - self._moved_at.setdefault(update.symbol, now) >= self._timing.still_s:
                    # The quote does not change: the symbol may not be traded any more.
                    self._listing.doubt(update.symbol, silent=True)

    def _answered(self, found: Collection[str], missing: Collection[str]) -> None:
        for symbol in found:
            if symbol in self._listing.instruments:
                self._listener.covered(symbol)
        for symbol in missing:
            if symbol in self._listing.instruments:
                self._listener.uncovered(symbol, MISSING)
                self._listing.doubt(symbol)

    def _refused(self, symbols: Collection[str]) -> None:
        for symbol in symbols:
            self._listing.doubt(symbol)

    def _refresh(self) -> None:
        self._link.set("binance-rest", "up" if self._polling.ok else "down", self._polling.reason)
