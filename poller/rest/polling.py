"""Periodic REST requests: quotes each second, summaries as the exchange's limits allow."""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Container, Mapping

from msgspec import Struct

from poller.log_events import REQUEST_FAILS, REQUEST_WORKS, SYMBOL_UNLISTED
from poller.network import reasons
from poller.network.backoff import Backoff
from poller.network.counters import Counters
from poller.network.log_throttle import LogThrottle
from poller.rest.answers import Answer
from poller.rest.client import Failure, RestClient
from poller.rest.timing import RestTiming
from poller.source import Take

logger = logging.getLogger(__name__)

Parse = Callable[[bytes, int, Container[str]], Answer]


class Question(Struct, frozen=True):
    """A kind of request about symbols."""

    path: str
    query: Callable[[tuple[str, ...]], Mapping[str, str]]
    """The query that names these symbols; empty asks for all symbols of the exchange."""
    weight: Callable[[int], int]
    """The weight for this number of symbols; 0 means all symbols of the exchange."""
    parse: Parse


class Questions(Struct, frozen=True):
    """The requests for prices of an exchange."""

    quotes: Question
    summaries: Question
    share: Callable[[int], int]
    """The best number of symbols for one request for summaries, out of this many; 0 means all at once."""
    summaries_at_once: int
    """The most symbols for which such a request costs as little as for one."""
    not_listed: int
    """The exchange's error code for a request that names an unlisted symbol."""


class _Job(Struct):
    """A periodic request."""

    question: Question
    backoff: Backoff
    due: float = 0.0
    failure: str = ""
    """Why the last request failed; empty if it succeeded."""
    whole_market: frozenset[str] = frozenset()
    """For these symbols the whole market is requested: one of them is unlisted, and naming it fails the request."""
    whole_until: float = 0.0


class Polling:
    """Prices by REST while `run` runs. `ok` and `reason` say whether they arrive."""

    def __init__(
        self,
        client: RestClient,
        questions: Questions,
        symbols: Callable[[], tuple[str, ...]],
        *,
        timing: RestTiming,
        counters: Counters,
        now_us: Callable[[], int],
        rng: random.Random,
        changed: Callable[[], None],
        answered: Callable[[Collection[str], Collection[str]], None],
        refused: Callable[[Collection[str]], None],
    ) -> None:
        """Request the symbols that ``symbols`` returns; ``changed`` is called when `ok` or `reason` may be new.

        ``answered`` is called after each answer with quotes: with the symbols that it has, and those missing from
        answers for `RestTiming.quiet_s`. ``refused`` is called with the symbols of a request that named an unlisted
        one.
        """
        self.ok = False
        self.reason = ""
        """Why no prices arrive; or, while they do, what is unusual. Empty while nothing is requested."""
        self._client = client
        self._questions = questions
        self._symbols = symbols
        self._timing = timing
        self._counters = counters
        self._now_us = now_us
        self._changed = changed
        self._answered = answered
        self._refused = refused
        self._malformed = LogThrottle(logger, "answer not understood")
        self._had: dict[str, float] = {}
        """Symbol → when an answer last had a quote of it, or when it was first requested."""

        def backoff() -> Backoff:
            return Backoff(timing.backoff_base_s, timing.backoff_cap_s, rng)

        self._quotes = _Job(questions.quotes, backoff())
        self._summaries = _Job(questions.summaries, backoff())
        self._cursor = 0
        self._listings = 0
        """How often the listing became known."""
        self._quiet: asyncio.TimerHandle | None = None

    async def run(self, begin: Callable[[], Take]) -> None:
        """Poll until cancelled. ``begin`` is called before each request for quotes: its updates go there."""
        clock = asyncio.get_running_loop().time
        self._quotes.due = self._summaries.due = clock()
        # A failure of the last run is no reason now.
        self._quotes.failure = ""
        self._had.clear()
        self._set(False, "no answer yet")
        self._expect_within(self._timing.quiet_s)
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

    async def quotes(self, symbols: tuple[str, ...], take: Take) -> Failure | None:
        """Request the quotes of ``symbols`` once; return why that failed, or None."""
        answer = await self._ask(self._quotes, symbols)
        return answer if isinstance(answer, Failure) else self._pass_on(answer, take)

    async def summaries(self, symbols: tuple[str, ...], take: Take) -> Failure | None:
        """Request the summaries of ``symbols`` once, in as many requests as cost least."""
        share = self._questions.share(len(symbols)) or len(symbols)
        for start in range(0, len(symbols), share):
            answer = await self._ask(self._summaries, symbols[start : start + share])
            if isinstance(answer, Failure):
                return answer
            self._pass_on(answer, take)
        return None

    async def _ask_quotes(self, take: Take) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        symbols = self._symbols()
        answer = await self._ask(self._quotes, symbols)
        if isinstance(answer, Failure):
            failure: Failure | None = answer
        else:
            # The prices first, then that they arrive: no symbol is live before its price is published.
            failure = self._pass_on(answer, take)
            self._look_for(symbols, {update.symbol for update in answer.updates}, clock())
        stretch = self._plan(self._quotes, started, self._timing.interval_s, failure)
        if failure is None:
            self._set(True, _slowed(stretch, self._client.budget.used))
            # The time until the next answer, and `quiet_s` for its delay.
            self._expect_within(self._timing.interval_s * (stretch - 1) + self._timing.quiet_s)
        elif failure.banned or not self.ok:
            self._set(False, failure.reason)

    async def _ask_summaries(self, take: Take) -> None:
        started = asyncio.get_running_loop().time()
        symbols = self._symbols()
        share = self._questions.share(len(symbols))
        start = self._cursor if self._cursor < len(symbols) else 0
        chunk = symbols[start : start + share] if share else symbols
        interval_s = self._timing.interval_s if share else self._timing.market_interval_s
        answer = await self._ask(self._summaries, chunk)
        failure = answer if isinstance(answer, Failure) else self._pass_on(answer, take)
        if failure is None:
            self._cursor = start + share
        elif failure.banned:
            self._set(False, failure.reason)
        self._plan(self._summaries, started, interval_s, failure)

    async def _ask(self, job: _Job, symbols: tuple[str, ...]) -> Answer | Failure:
        if not symbols:
            return Failure("the exchange lists none of the symbols now")
        now = asyncio.get_running_loop().time()
        # The whole market only while an unlisted symbol may be among them: until the listing shows which.
        whole = now < job.whole_until and not job.whole_market.isdisjoint(symbols)
        question = job.question
        query = {} if whole else question.query(symbols)
        listings = self._listings
        body = await self._client.get(question.path, query, question.weight(len(symbols) if query else 0))
        if isinstance(body, Failure):
            if body.code == self._questions.not_listed and query:
                if listings == self._listings:
                    logger.warning(SYMBOL_UNLISTED, question.path)
                    job.whole_market, job.whole_until = frozenset(symbols), now + self._timing.absent_s
                self._refused(symbols)
            return body
        answer = question.parse(body, self._now_us(), frozenset(symbols))
        if answer.malformed:
            self._counters.malformed += answer.malformed
            self._malformed.note(f"{question.path}: {body[:200]!r}", asyncio.get_running_loop().time())
        if not answer.updates and (words := reasons.in_body(body)):
            return Failure(f"an answer without prices: {words}")
        return answer

    def named_again(self) -> None:
        """The listing is known again: requests may name symbols, whatever the result of one under way."""
        self._listings += 1
        self._quotes.whole_until = self._summaries.whole_until = 0.0

    def _pass_on(self, answer: Answer, take: Take) -> Failure | None:
        for update in answer.updates:
            take(update)
        return None if answer.updates else Failure("an answer without prices")

    def _look_for(self, asked: tuple[str, ...], found: Collection[str], now: float) -> None:
        self._had = {symbol: now if symbol in found else self._had.get(symbol, now) for symbol in asked}
        late = now - self._timing.quiet_s
        self._answered(found, [symbol for symbol in asked if self._had[symbol] <= late])

    def _plan(self, job: _Job, started: float, interval_s: float, failure: Failure | None) -> float:
        """Set when ``job`` is due next; return the factor by which the used weight slows it down."""
        now = asyncio.get_running_loop().time()
        stretch = self._client.budget.stretch(now)
        if failure is None:
            job.backoff.reset()
            job.due = max(now, started + interval_s * stretch)
        else:
            job.due = now + job.backoff.next_s()
        if bool(job.failure) != (failure is not None):
            if failure is not None:
                logger.warning(REQUEST_FAILS, job.question.path, failure.reason)
            else:
                logger.info(REQUEST_WORKS, job.question.path)
        job.failure = "" if failure is None else failure.reason
        return stretch

    def _expect_within(self, seconds: float) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(seconds, self._silent, seconds)

    def _silent(self, seconds: float) -> None:
        # The exchange's own reason explains more than its silence since then.
        reason = self._client.failure.reason if self._client.failure is not None else self._quotes.failure
        self._set(False, reason or f"no prices by REST for {seconds:g} s")

    def _set(self, ok: bool, reason: str) -> None:
        if (ok, reason) != (self.ok, self.reason):
            self.ok, self.reason = ok, reason
            self._changed()


def _slowed(stretch: float, used: int) -> str:
    return f"asking less often: weight {used} of this minute is used" if stretch > 1.0 else ""
