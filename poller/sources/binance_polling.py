"""Asking Binance again and again: quotes each second, summaries as the weight allows."""

import asyncio
import logging
import random
from collections.abc import Callable, Container

from msgspec import Struct

from poller.sources import Emit
from poller.sources.backoff import Backoff
from poller.sources.binance import Answer, Counters, parse_quotes, parse_summaries
from poller.sources.binance_api import INVALID_SYMBOL, Api, Fault, symbols_query
from poller.sources.binance_timing import RestTiming
from poller.sources.burst import Burst
from poller.sources.weight import quotes_weight, summary_share, summary_weight

logger = logging.getLogger(__name__)

Parse = Callable[[bytes, int, Container[str]], Answer]


class _Job(Struct):
    """One thing asked again and again."""

    path: str
    parse: Parse
    backoff: Backoff
    due: float = 0.0
    failing: bool = False
    whole_market: bool = False
    """Ask for all symbols: one of ours is not listed any more, and naming it fails the whole request."""


class Polling:
    """Prices by REST, for as long as `run` runs. Whether they arrive is in `ok` and `reason`."""

    def __init__(
        self,
        api: Api,
        symbols: Callable[[], tuple[str, ...]],
        *,
        timing: RestTiming,
        counters: Counters,
        now_us: Callable[[], int],
        rng: random.Random,
        changed: Callable[[], None],
    ) -> None:
        """Ask for what ``symbols`` names at that time; ``changed`` is called when `ok` or `reason` may be new."""
        self.ok = False
        self.reason = ""
        """Why there are no prices; or, while there are, what is unusual. Empty while nothing is asked."""
        self._api = api
        self._symbols = symbols
        self._timing = timing
        self._counters = counters
        self._now_us = now_us
        self._changed = changed
        self._malformed = Burst(logger, "answer not understood")

        def backoff() -> Backoff:
            return Backoff(timing.backoff_base_s, timing.backoff_cap_s, rng)

        self._quotes = _Job("/api/v3/ticker/bookTicker", parse_quotes, backoff())
        self._summaries = _Job("/api/v3/ticker/24hr", parse_summaries, backoff())
        self._cursor = 0
        self._quiet: asyncio.TimerHandle | None = None

    async def run(self, begin: Callable[[], Emit]) -> None:
        """Poll until cancelled. ``begin`` is called before each request for quotes: its updates go there."""
        clock = asyncio.get_running_loop().time
        self._quotes.due = self._summaries.due = clock()
        self._set(False, "no answer yet")
        self._hear_by(self._timing.quiet_s)
        try:
            while True:
                job = min(self._quotes, self._summaries, key=lambda job: job.due)
                await asyncio.sleep(max(0.0, job.due - clock()))
                await (self._ask_quotes(begin()) if job is self._quotes else self._ask_summaries(begin()))
                self._malformed.settle(clock())
        finally:
            if self._quiet is not None:
                self._quiet.cancel()
            self._set(False, "")

    async def quotes(self, symbols: tuple[str, ...], emit: Emit) -> Fault | None:
        """Ask once for the quotes of ``symbols``; why it brought nothing, or None if it did."""
        query = {} if self._quotes.whole_market else symbols_query(symbols)
        return await self._ask(self._quotes, symbols, query, quotes_weight(len(symbols) if query else 0), emit)

    async def _ask_quotes(self, emit: Emit) -> None:
        started = asyncio.get_running_loop().time()
        fault = await self.quotes(self._symbols(), emit)
        stretch = self._plan(self._quotes, started, self._timing.interval_s, fault)
        if fault is None:
            self._set(True, _slowed(stretch, self._counters.used_weight))
            # Time for the next answer, and then for being late.
            self._hear_by(self._timing.interval_s * (stretch - 1) + self._timing.quiet_s)
        elif fault.banned or not self.ok:
            self._set(False, fault.reason)

    async def _ask_summaries(self, emit: Emit) -> None:
        started = asyncio.get_running_loop().time()
        symbols = self._symbols()
        share = 0 if self._summaries.whole_market else summary_share(len(symbols))
        start = self._cursor if self._cursor < len(symbols) else 0
        chunk = symbols[start : start + share] if share else symbols
        query = symbols_query(chunk) if share else {}
        interval_s = self._timing.interval_s if share else self._timing.market_interval_s
        weight = summary_weight(len(chunk) if share else 0)
        fault = await self._ask(self._summaries, chunk, query, weight, emit)
        if fault is None:
            self._cursor = start + share
        elif fault.banned:
            self._set(False, fault.reason)
        self._plan(self._summaries, started, interval_s, fault)

    async def _ask(
        self, job: _Job, symbols: tuple[str, ...], query: dict[str, str], weight: int, emit: Emit
    ) -> Fault | None:
        body = await self._api.get(job.path, query, weight)
        if isinstance(body, Fault):
            if body.code == INVALID_SYMBOL and not job.whole_market:
                logger.warning("Binance no longer lists one of our symbols; asking %s for all", job.path)
                job.whole_market = True
            return body
        answer = job.parse(body, self._now_us(), frozenset(symbols))
        if answer.malformed:
            self._counters.malformed += answer.malformed
            self._malformed.note(f"{job.path}: {body[:200]!r}", asyncio.get_running_loop().time())
        for update in answer.updates:
            emit(update)
        return None if answer.updates else Fault("an answer without prices")

    def _plan(self, job: _Job, started: float, interval_s: float, fault: Fault | None) -> float:
        """Set when ``job`` is due next, and give the factor by which the weight used slows it down."""
        now = asyncio.get_running_loop().time()
        stretch = self._api.budget.stretch(now)
        if fault is None:
            job.backoff.reset()
            job.due = max(now, started + interval_s * stretch)
        else:
            job.due = now + job.backoff.next_s()
        if job.failing != (fault is not None):
            job.failing = fault is not None
            if fault is not None:
                logger.warning("%s fails: %s", job.path, fault.reason)
            else:
                logger.info("%s works again", job.path)
        return stretch

    def _hear_by(self, seconds: float) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        reason = f"no prices by REST for {seconds:g} s"
        self._quiet = asyncio.get_running_loop().call_later(seconds, self._set, False, reason)

    def _set(self, ok: bool, reason: str) -> None:
        if (ok, reason) != (self.ok, self.reason):
            self.ok, self.reason = ok, reason
            self._changed()


def _slowed(stretch: float, used: int) -> str:
    return f"asking less often: weight {used} of this minute is used" if stretch > 1.0 else ""
