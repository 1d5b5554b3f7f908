"""The listing of an exchange that sends all of it in one answer."""

import asyncio
import difflib
import logging
from collections.abc import Callable, Iterable, Mapping

from market.prices.instruments import Instrument
from poller.errors import UnknownSymbolError
from poller.log_events import INSTRUMENT_CHANGED, INSTRUMENT_WITHOUT_PRICES, REQUEST_RETRIED
from poller.network.backoff import Backoff
from poller.rest.client import Failure, RestClient
from poller.rest.listed import ABSENT, NOT_ASKED, nothing_listed, unlisted
from poller.rest.timing import RestTiming

logger = logging.getLogger(__name__)

Read = Callable[[bytes], Mapping[str, Instrument] | Failure]
"""Reads an answer: its symbols, or why it is unusable."""


class Catalogue:
    """Our symbols as the exchange lists them. See `poller.coverage.listing.Listing`."""

    def __init__(
        self,
        client: RestClient,
        path: str,
        read: Read,
        symbols: Iterable[str],
        *,
        what: str,
        timing: RestTiming,
        changed: Callable[[str, Instrument], None],
    ) -> None:
        """``read`` reads the answer of ``path``; ``what`` names the list's owner, for people.

        ``changed`` is called with every symbol whose listing has changed, while `run` runs.
        """
        self.instruments: dict[str, Instrument] = {}
        self._client = client
        self._path = path
        self._read = read
        self._symbols = tuple(symbols)
        self._what = what
        self._timing = timing
        self._changed = changed
        self._doubted: set[str] = set()
        self._wake = asyncio.Event()

    @property
    def answerable(self) -> tuple[str, ...]:
        """See `poller.coverage.listing.Listing.answerable`."""
        return tuple(symbol for symbol in self._symbols if self.instruments[symbol].listed)

    def is_traded(self, symbol: str) -> bool:
        """See `poller.coverage.listing.Listing.is_traded`."""
        instrument = self.instruments.get(symbol)
        return instrument is not None and instrument.status == "trading"

    async def first(self, backoff: Backoff, failing: Callable[[str], None]) -> Mapping[str, Instrument]:
        """See `poller.coverage.listing.Listing.first`."""
        if self._client.ban_reason:
            failing(self._client.ban_reason)
        while isinstance(found := await self._ask(), Failure):
            logger.warning(REQUEST_RETRIED, self._path, found.reason)
            failing(found.reason)
            await asyncio.sleep(backoff.next_s())
        self.instruments = {symbol: found.get(symbol, ABSENT) for symbol in self._symbols}
        if not self.answerable:
            raise UnknownSymbolError(self._fix(found))
        for symbol, its in self.instruments.items():
            if its.status != "trading":
                logger.warning(INSTRUMENT_WITHOUT_PRICES, symbol, its.status, its.reason)
        return self.instruments

    def doubt(self, symbol: str, *, silent: bool = False) -> None:
        """See `poller.coverage.listing.Listing.doubt`; a symbol that is only ``silent`` waits for the next reading."""
        if symbol in self._symbols and not silent:
            self._doubted.add(symbol)
            self._wake.set()

    def serve(self, symbols: Iterable[str]) -> None:
        """See `poller.coverage.listing.Listing.serve`."""
        self._symbols = tuple(symbols)
        self.instruments = {symbol: its for symbol, its in self.instruments.items() if symbol in self._symbols}
        for symbol in self._symbols:
            if symbol not in self.instruments:
                self.instruments[symbol] = NOT_ASKED
                self._changed(symbol, NOT_ASKED)
                self.doubt(symbol)

    async def run(self) -> None:
        """Read it again each `RestTiming.absent_s`; sooner for doubts, with a pause that doubles if nothing changed."""
        pause_s = self._timing.doubts_gap_s
        while True:
            started = asyncio.get_running_loop().time()
            self._wake.clear()
            if not self._doubted:
                try:
                    async with asyncio.timeout(self._timing.absent_s):
                        await self._wake.wait()
                except TimeoutError:
                    pause_s = self._timing.doubts_gap_s
            await asyncio.sleep(max(0.0, started + pause_s - asyncio.get_running_loop().time()))
            self._doubted.clear()
            news = await self._look()
            pause_s = self._timing.doubts_gap_s if news else min(2 * pause_s, self._timing.absent_s)

    async def _look(self) -> bool:
        """Read the listing and report the changes; return whether there were any."""
        found = await self._ask()
        if isinstance(found, Failure):
            logger.warning(REQUEST_RETRIED, self._path, found.reason)
            return False
        now = {symbol: found.get(symbol) or unlisted(self.instruments[symbol]) for symbol in self._symbols}
        news = {symbol: its for symbol, its in now.items() if its != self.instruments[symbol]}
        for symbol, its in news.items():
            self.instruments[symbol] = its
            logger.log(
                logging.INFO if its.status == "trading" else logging.WARNING,
                INSTRUMENT_CHANGED, symbol, its.status, f" ({its.reason})" if its.reason else "",
            )  # fmt: skip
            self._changed(symbol, its)
        return bool(news)

    async def _ask(self) -> Mapping[str, Instrument] | Failure:
        body = await self._client.get(self._path, {}, 1, self._timing.exchange_info_timeout_s)
        return body if isinstance(body, Failure) else self._read(body)

    def _fix(self, found: Mapping[str, Instrument]) -> str:
        """The error of a start without any listed symbol."""
        close = difflib.get_close_matches(self._symbols[0], found, n=1)
        return nothing_listed(self._symbols, self._what, next(iter(close), None))
