"""How Binance lists our symbols: read before the first price, and again while running."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from market.prices.instruments import Instrument
from poller.errors import UnknownSymbolError
from poller.log_events import INSTRUMENT_FOUND, INSTRUMENT_WAITED_FOR, LISTING_ANSWERED, LISTING_FAILS
from poller.network.backoff import Backoff
from poller.rest.client import Failure, RestClient
from poller.rest.listed import ABSENT, NOT_ASKED, nothing_listed, unlisted
from poller.rest.timing import RestTiming
from poller.venues.binance.exchange_info import BadExchangeInfoError, ExchangeInfo
from poller.venues.binance.queries import INVALID_SYMBOL, MOST_SYMBOLS, parts, symbols_query
from poller.venues.binance.weight import EXCHANGE_INFO_WEIGHT

logger = logging.getLogger(__name__)

_PATH: Final = "/api/v3/exchangeInfo"
_MOST_ABSENT: Final = 10
"""The most unlisted symbols to ask about at once: each needs its own request."""
_ILLEGAL_CHARACTERS: Final = -1100
"""The error code of a name that cannot be a symbol (API documents, "Error codes")."""


class Listing:
    """Our symbols as the exchange lists them; `run` keeps them up to date.

    A symbol counts as unlisted only after a request that names it.
    """

    def __init__(
        self,
        client: RestClient,
        symbols: Iterable[str],
        *,
        timing: RestTiming,
        changed: Callable[[str, Instrument], None],
    ) -> None:
        """``changed`` is called with every symbol whose listing has changed, while `run` runs."""
        self.instruments: dict[str, Instrument] = {}
        """Symbol → its newest listing."""
        self._client = client
        self._symbols = dict.fromkeys(symbols)
        self._timing = timing
        self._changed = changed
        self._doubted: dict[str, bool] = {}
        """Symbol to look up → whether only because it is silent."""
        self._looked_at: dict[str, float] = {}
        self._pause_s: dict[str, float] = {}
        """Symbol → the least time between two looks because of doubts."""
        self._not_before: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._whole: ExchangeInfo | None = None
        """The whole listing, if it was requested during this look."""

    @property
    def answerable(self) -> tuple[str, ...]:
        """The symbols that the exchange answers for: naming another one fails a whole request."""
        return tuple(symbol for symbol in self._symbols if self.instruments[symbol].listed)

    def is_traded(self, symbol: str) -> bool:
        """Whether to expect quotes of ``symbol``."""
        instrument = self.instruments.get(symbol)
        return instrument is not None and instrument.status == "trading"

    async def first(self, backoff: Backoff, failing: Callable[[str], None]) -> Mapping[str, Instrument]:
        """Ask until there is an answer for every symbol; each failure's reason goes to ``failing``.

        If very many symbols are not in the list of all, only some are requested by name; the others are unknown until
        `run` has requested them.

        Raises:
            UnknownSymbolError: none of them is listed.
        """
        failures, timeout_s = 0, self._timing.exchange_info_timeout_s
        if self._client.ban_reason:
            failing(self._client.ban_reason)
        asked = tuple(self._symbols)
        while isinstance(found := await self._ask_all(parts(asked), timeout_s), Failure):
            if not failures:
                logger.warning(LISTING_FAILS, found.reason)
            failures += 1
            failing(found.reason)
            await asyncio.sleep(backoff.next_s())
            asked, self._whole = tuple(self._symbols), None
        if failures:
            logger.info(LISTING_ANSWERED, failures)
        now = asyncio.get_running_loop().time()
        for symbol in asked:
            if symbol in self._symbols:
                self.instruments[symbol] = found.get(symbol) or ABSENT
                self._not_before[symbol] = now
        absent = [symbol for symbol in self._symbols if not self.instruments[symbol].listed]
        if len(absent) == len(self._symbols) and self._symbols.keys() <= {*asked}:
            raise UnknownSymbolError(await self._fix(absent[0]))
        self._whole = None
        for symbol, its in self.instruments.items():
            if its.status != "trading":
                logger.warning(INSTRUMENT_WAITED_FOR, symbol, its.status, its.reason)
        return self.instruments

    def doubt(self, symbol: str, *, silent: bool = False) -> None:
        """Something does not fit the listing of ``symbol``: look it up again soon, at a bounded rate.

        A symbol that is only ``silent`` is looked up each `RestTiming.absent_s`, without a growing pause: a halt may
        begin at any time, while numbers that do not fit may stay so for ever.
        """
        if symbol in self._symbols and (symbol not in self._doubted or (silent and not self._doubted[symbol])):
            self._doubted[symbol] = silent
            self._wake.set()

    def serve(self, symbols: Iterable[str]) -> None:
        """Serve these symbols from now on; new ones are requested at once."""
        self._symbols = dict.fromkeys(symbols)
        self._doubted = {symbol: silent for symbol, silent in self._doubted.items() if symbol in self._symbols}
        for symbol in [symbol for symbol in self.instruments if symbol not in self._symbols]:
            del self.instruments[symbol]
            self._not_before.pop(symbol, None)
            self._pause_s.pop(symbol, None)
            self._looked_at.pop(symbol, None)
        for symbol in self._symbols:
            if symbol not in self.instruments:
                self.instruments[symbol] = NOT_ASKED
                self._changed(symbol, self.instruments[symbol])
                self.doubt(symbol)

    async def run(self) -> None:
        """Look up all symbols hourly, doubted ones at once, and those not traded and a hundred others each minute.

        Runs until cancelled.
        """
        clock = asyncio.get_running_loop().time
        all_at = clock() + self._timing.listing_s
        absent_at = clock() + self._timing.absent_s
        # Doubts come one by one: a look is about all symbols that are in doubt by then.
        look_at = clock()
        while True:
            now = clock()
            doubted_at = min((self._due(symbol, now) for symbol in self._doubted), default=all_at)
            self._wake.clear()
            try:
                async with asyncio.timeout_at(min(all_at, absent_at, max(doubted_at, look_at))):
                    await self._wake.wait()
                continue
            except TimeoutError:
                now = clock()
            wanted = set[str]()
            if now >= look_at:
                wanted.update(symbol for symbol in self._doubted if self._due(symbol, now) <= now)
            if now >= absent_at:
                absent_at = now + self._timing.absent_s
                wanted.update(self._to_look_for())
                # A halt may change nothing in the quotes, so that no doubt arises.
                traded = [symbol for symbol in self._symbols if self.is_traded(symbol)]
                wanted.update(sorted(traded, key=lambda symbol: self._looked_at.get(symbol, 0.0))[:MOST_SYMBOLS])
            if now >= all_at:
                all_at = now + self._timing.listing_s
                wanted.update(self.answerable)
            if wanted:
                await self._look_again([symbol for symbol in self._symbols if symbol in wanted])
                look_at = clock() + self._timing.doubts_gap_s * self._client.budget.stretch(clock())

    def _due(self, symbol: str, now: float) -> float:
        """When to look up a symbol that is in doubt."""
        not_before = self._not_before.get(symbol, now)
        if self._doubted[symbol] and symbol in self._looked_at:
            return min(not_before, self._looked_at[symbol] + self._timing.absent_s)
        return not_before

    def _to_look_for(self) -> Iterator[str]:
        """The symbols that are not traded; of the unlisted ones only a few, in turn."""
        untraded = [symbol for symbol, its in self.instruments.items() if its.status != "trading"]
        absent = [symbol for symbol in untraded if not self.instruments[symbol].listed]
        yield from (symbol for symbol in untraded if self.instruments[symbol].listed)
        yield from sorted(absent, key=lambda symbol: self._not_before.get(symbol, 0.0))[:_MOST_ABSENT]

    async def _look_again(self, symbols: list[str]) -> None:
        # An unlisted symbol makes the whole request fail, so a known one is requested alone.
        absent = [its for its in symbols if not self.instruments[its].listed and its in self._not_before]
        asked = [*parts(symbol for symbol in symbols if symbol not in absent), *((symbol,) for symbol in absent)]
        found = await self._ask_all(asked, self._timing.request_timeout_s)
        self._whole = None
        now = asyncio.get_running_loop().time()
        if isinstance(found, Failure):
            logger.warning(LISTING_FAILS, found.reason)
        for symbol in symbols:
            if symbol not in self._symbols:
                continue  # not served any more since it was asked for
            before = self.instruments[symbol]
            # A symbol that the list of all lacks, and that was not requested by name yet, stays as it was.
            answered = not isinstance(found, Failure) and symbol in found
            its = before if isinstance(found, Failure) or not answered else found[symbol] or unlisted(before)
            doubted = symbol in self._doubted
            if answered:
                self._doubted.pop(symbol, None)
                self._looked_at[symbol] = now
            # A doubted symbol without a change will be doubted again: older orders stay finer than the rules.
            forgiven = now >= self._not_before.get(symbol, now) + self._timing.listing_s
            again = doubted and its == before and not forgiven
            pause_s = 2 * self._pause_s.get(symbol, 0.0) if again else self._timing.doubt_s
            longest_s = self._timing.absent_s if isinstance(found, Failure) else self._timing.listing_s
            self._pause_s[symbol] = min(max(pause_s, self._timing.doubt_s), longest_s)
            self._not_before[symbol] = now + self._pause_s[symbol]
            if its != before:
                self.instruments[symbol] = its
                logger.log(
                    logging.INFO if its.status == "trading" else logging.WARNING,
                    INSTRUMENT_FOUND, symbol, its.status, f" ({its.reason})" if its.reason else "",
                    its.scales.price, its.scales.size,
                )  # fmt: skip
                self._changed(symbol, its)

    async def _ask_all(
        self, parts: Iterable[tuple[str, ...]], timeout_s: float
    ) -> Mapping[str, Instrument | None] | Failure:
        """Return the instruments of the symbols in ``parts``, None for unlisted ones; or why there is no answer.

        Each part is a request of at most ``timeout_s``: prices have to wait for it.
        """
        found: dict[str, Instrument | None] = {}
        for part in parts:
            answer = await self._ask(part, timeout_s)
            if isinstance(answer, Failure):
                return answer
            found.update(answer)
        return found

    async def _ask(self, part: tuple[str, ...], timeout_s: float) -> Mapping[str, Instrument | None] | Failure:
        body = await self._client.get(_PATH, symbols_query(part), EXCHANGE_INFO_WEIGHT, timeout_s)
        if isinstance(body, Failure):
            if body.code not in (INVALID_SYMBOL, _ILLEGAL_CHARACTERS):
                return body
            # The error does not name the symbol. The list of all shows it, but absence from that list is no proof.
            if len(part) == 1:
                return {part[0]: None}
            if self._whole is None:
                whole = await self._read_info({}, self._timing.exchange_info_timeout_s)
                if isinstance(whole, Failure):
                    return whole
                self._whole = whole
            return await self._ask_for_missing(self._whole, part, timeout_s)
        info = self._read(body)
        if isinstance(info, Failure) or len(part) == 1:
            return info if isinstance(info, Failure) else {part[0]: info.instrument(part[0])}
        return await self._ask_for_missing(info, part, timeout_s)

    async def _ask_for_missing(
        self, info: ExchangeInfo, part: tuple[str, ...], timeout_s: float
    ) -> Mapping[str, Instrument | None] | Failure:
        """The instruments of ``part`` in ``info``; the first few that it lacks are requested by name."""
        found = {symbol: its for symbol in part if (its := info.instrument(symbol)) is not None}
        missing = [symbol for symbol in part if symbol not in found]
        again = await self._ask_all([(symbol,) for symbol in missing[:_MOST_ABSENT]], timeout_s)
        return again if isinstance(again, Failure) else {**found, **again}

    async def _read_info(self, query: Mapping[str, str], timeout_s: float) -> ExchangeInfo | Failure:
        body = await self._client.get(_PATH, query, EXCHANGE_INFO_WEIGHT, timeout_s)
        return body if isinstance(body, Failure) else self._read(body)

    def _read(self, body: bytes) -> ExchangeInfo | Failure:
        try:
            info = ExchangeInfo(body)
        except BadExchangeInfoError as error:
            return Failure(str(error))
        if info.weight_limit is not None:
            self._client.budget.limit = info.weight_limit
        return info

    async def _fix(self, symbol: str) -> str:
        """The error of a start without any listed symbol; the list of all may have a similar one."""
        whole = self._whole or await self._read_info({}, self._timing.exchange_info_timeout_s)
        close = None if isinstance(whole, Failure) else whole.suggestion(symbol)
        return nothing_listed(tuple(self._symbols), "Binance", close)
