"""What Binance lists of our symbols: asked before the first price, and again while running."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from market.instruments import Instrument
from poller.sources import UnknownSymbolError
from poller.sources.backoff import Backoff
from poller.sources.binance_api import INVALID_SYMBOL, Api, Fault, symbols_query
from poller.sources.binance_info import BadExchangeInfoError, ExchangeInfo
from poller.sources.binance_timing import RestTiming
from poller.sources.weight import EXCHANGE_INFO_WEIGHT

logger = logging.getLogger(__name__)

_PATH: Final = "/api/v3/exchangeInfo"
_MOST: Final = 100
"""Symbols named in one question."""
_MOST_ABSENT: Final = 10
"""Symbols that are not listed and looked for at once: each has to be asked for alone."""
_LIST_LENGTH: Final = 3000
"""Characters of one question's list, encoded."""
_ILLEGAL_CHARACTERS: Final = -1100
"""Said of a name that cannot be one of its symbols (API documents, "Error codes")."""


class Listing:
    """Our symbols as the exchange lists them; `run` keeps it so.

    That it does not list a symbol is believed only in answer to a question that names it.
    """

    def __init__(
        self, api: Api, symbols: Iterable[str], *, timing: RestTiming, changed: Callable[[str, Instrument], None]
    ) -> None:
        """``changed`` is told of every symbol that is listed otherwise than before, while `run` runs."""
        self.instruments: dict[str, Instrument] = {}
        """As they were listed last."""
        self._api = api
        self._symbols = dict.fromkeys(symbols)
        self._timing = timing
        self._changed = changed
        self._doubted: set[str] = set()
        self._pause_s: dict[str, float] = {}
        """How long after a look a doubt of the symbol waits for the next one."""
        self._not_before: dict[str, float] = {}
        self._wake = asyncio.Event()

    @property
    def answerable(self) -> tuple[str, ...]:
        """The symbols that the exchange answers for: naming another one fails a whole request."""
        return tuple(symbol for symbol in self._symbols if self.instruments[symbol].listed)

    def is_traded(self, symbol: str) -> bool:
        """Whether quotes of ``symbol`` are to be expected."""
        instrument = self.instruments.get(symbol)
        return instrument is not None and instrument.status == "trading"

    async def first(self, backoff: Backoff, failing: Callable[[str], None]) -> Mapping[str, Instrument]:
        """Ask until there is an answer for every symbol; each failure's reason goes to ``failing``.

        Raises:
            UnknownSymbolError: none of them is listed.
        """
        failures, timeout_s = 0, self._timing.exchange_info_timeout_s
        if self._api.ban_reason:
            failing(self._api.ban_reason)
        while isinstance(found := await self._ask_all(_parts(self._symbols), timeout_s), Fault):
            if not failures:
                logger.warning("exchangeInfo fails, trying on: %s", found.reason)
            failures += 1
            failing(found.reason)
            await asyncio.sleep(backoff.next_s())
        if failures:
            logger.info("exchangeInfo answered after %d failures", failures)
        now = asyncio.get_running_loop().time()
        for symbol in self._symbols:
            if symbol in found:
                self.instruments[symbol] = found[symbol] or _unknown()
                self._not_before[symbol] = now
        absent = [symbol for symbol in self._symbols if not self.instruments[symbol].listed]
        if len(absent) == len(self._symbols) and found.keys() >= self._symbols.keys():
            raise UnknownSymbolError(await self._mend(absent[0]))
        for symbol, its in self.instruments.items():
            if its.status != "trading":
                logger.warning(
                    "%s is %s (%s): expect no prices of it; looking again now and then", symbol, its.status, its.reason
                )
        return self.instruments

    def doubt(self, symbol: str) -> None:
        """Something does not fit what is known of ``symbol``: look again, soon, but not again and again."""
        if symbol in self._symbols and symbol not in self._doubted:
            self._doubted.add(symbol)
            self._wake.set()

    def serve(self, symbols: Iterable[str]) -> None:
        """Look after these symbols from now on; those that are new are asked for at once."""
        self._symbols = dict.fromkeys(symbols)
        self._doubted &= self._symbols.keys()
        for symbol in [symbol for symbol in self.instruments if symbol not in self._symbols]:
            del self.instruments[symbol]
            self._not_before.pop(symbol, None)
            self._pause_s.pop(symbol, None)
        for symbol in self._symbols:
            if symbol not in self.instruments:
                self.instruments[symbol] = _unknown("the exchange has not been asked yet")
                self._changed(symbol, self.instruments[symbol])
                self.doubt(symbol)

    async def run(self) -> None:
        """Look again hourly, at doubts at once, and now and then at what is not traded, until cancelled."""
        clock = asyncio.get_running_loop().time
        all_at = clock() + self._timing.listing_s
        absent_at = clock() + self._timing.absent_s
        while True:
            now = clock()
            doubted_at = min((self._not_before.get(symbol, now) for symbol in self._doubted), default=all_at)
            self._wake.clear()
            try:
                async with asyncio.timeout_at(min(all_at, absent_at, doubted_at)):
                    await self._wake.wait()
                continue
            except TimeoutError:
                now = clock()
            wanted = {symbol for symbol in self._doubted if self._not_before.get(symbol, now) <= now}
            if now >= absent_at:
                absent_at = now + self._timing.absent_s
                wanted.update(self._to_look_for())
            if now >= all_at:
                all_at = now + self._timing.listing_s
                wanted.update(self._symbols)
            if wanted:
                await self._look_again([symbol for symbol in self._symbols if symbol in wanted])

    def _to_look_for(self) -> Iterator[str]:
        """The symbols that are not traded; of those that are not even listed a few, the others in their turn."""
        untraded = [symbol for symbol, its in self.instruments.items() if its.status != "trading"]
        absent = [symbol for symbol in untraded if not self.instruments[symbol].listed]
        yield from (symbol for symbol in untraded if self.instruments[symbol].listed)
        yield from sorted(absent, key=lambda symbol: self._not_before.get(symbol, 0.0))[:_MOST_ABSENT]

    async def _look_again(self, symbols: list[str]) -> None:
        # One that is not listed makes a whole question fail: who is known to be none is asked for alone.
        absent = [its for its in symbols if not self.instruments[its].listed and its in self._not_before]
        parts = [*_parts(symbol for symbol in symbols if symbol not in absent), *((symbol,) for symbol in absent)]
        found = await self._ask_all(parts, self._timing.request_timeout_s)
        now = asyncio.get_running_loop().time()
        if isinstance(found, Fault):
            logger.warning("exchangeInfo fails, trying on: %s", found.reason)
        for symbol in symbols:
            if symbol not in self._symbols:
                continue  # not served any more since it was asked for
            before = self.instruments[symbol]
            its = before if isinstance(found, Fault) else found[symbol] or _gone(before)
            doubted = symbol in self._doubted
            if not isinstance(found, Fault):
                self._doubted.discard(symbol)
            # What was in doubt and is as it was will be in doubt again: older orders stay finer than the rules.
            forgiven = now >= self._not_before.get(symbol, now) + self._timing.listing_s
            again = doubted and its == before and not forgiven
            pause_s = 2 * self._pause_s.get(symbol, 0.0) if again else self._timing.doubt_s
            longest_s = self._timing.absent_s if isinstance(found, Fault) else self._timing.listing_s
            self._pause_s[symbol] = min(max(pause_s, self._timing.doubt_s), longest_s)
            self._not_before[symbol] = now + self._pause_s[symbol]
            if its != before:
                self.instruments[symbol] = its
                logger.log(
                    logging.INFO if its.status == "trading" else logging.WARNING,
                    "%s is %s%s, %d and %d decimals", symbol, its.status, f" ({its.reason})" if its.reason else "",
                    its.scales.price, its.scales.size,
                )  # fmt: skip
                self._changed(symbol, its)

    async def _ask_all(
        self, parts: Iterable[tuple[str, ...]], timeout_s: float
    ) -> Mapping[str, Instrument | None] | Fault:
        """What is listed of the symbols in ``parts``, None for each that is not; or why there is no answer.

        Each part is a question, and each question has ``timeout_s``: prices have to wait for it.
        """
        found: dict[str, Instrument | None] = {}
        for part in parts:
            answer = await self._ask(part, timeout_s)
            if isinstance(answer, Fault):
                return answer
            found.update(answer)
        return found

    async def _ask(self, part: tuple[str, ...], timeout_s: float) -> Mapping[str, Instrument | None] | Fault:
        body = await self._api.get(_PATH, symbols_query(part), EXCHANGE_INFO_WEIGHT, timeout_s)
        if isinstance(body, Fault):
            if body.code not in (INVALID_SYMBOL, _ILLEGAL_CHARACTERS):
                return body
            # It does not say which one: halve the question until it names one alone.
            if len(part) == 1:
                return {part[0]: None}
            half = len(part) // 2
            return await self._ask_all((part[:half], part[half:]), timeout_s)
        try:
            info = ExchangeInfo(body)
        except BadExchangeInfoError as error:
            return Fault(str(error))
        if info.weight_limit is not None:
            self._api.budget.limit = info.weight_limit
        found = {symbol: info.instrument(symbol) for symbol in part}
        missing = [symbol for symbol, its in found.items() if its is None]
        if not missing or len(part) == 1:
            return found
        again = await self._ask_all([(symbol,) for symbol in missing], timeout_s)
        return again if isinstance(again, Fault) else {**found, **again}

    async def _mend(self, symbol: str) -> str:
        """What to say of a start without any symbol; the whole list knows what one may be meant for."""
        body = await self._api.get(_PATH, {}, EXCHANGE_INFO_WEIGHT, self._timing.exchange_info_timeout_s)
        close = None
        if not isinstance(body, Fault):
            try:
                close = ExchangeInfo(body).suggestion(symbol)
            except BadExchangeInfoError as error:
                logger.debug("no suggestion: %s", error)
        mend = f"did you mean {close}?" if close else "remove it, or correct it"
        others = f" and {len(self._symbols) - 1} more" if len(self._symbols) > 1 else ""
        return f"SYMBOLS names {symbol}{others}, which Binance does not list; {mend}"


def _parts(symbols: Iterable[str]) -> Iterator[tuple[str, ...]]:
    part: list[str] = []
    length = 0
    for symbol in symbols:
        size = len(quote(f'"{symbol}",', safe=""))
        if part and (len(part) == _MOST or length + size > _LIST_LENGTH):
            yield tuple(part)
            part, length = [], 0
        part.append(symbol)
        length += size
    if part:
        yield tuple(part)


def _unknown(reason: str = "the exchange does not list it") -> Instrument:
    return Instrument("unknown", reason=reason)


def _gone(before: Instrument) -> Instrument:
    """Of a symbol that is not listed: one that was, has been delisted."""
    if not before.listed:
        return before if before.status == "delisted" else _unknown()
    return Instrument("delisted", before.scales, "the exchange does not list it any more")
