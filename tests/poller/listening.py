"""Shared by the tests of sources: short timings, and running sources."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from msgspec import structs

from market.prices.instruments import Instrument
from poller.coverage.source import StreamSource
from poller.rest.timing import RestTiming
from poller.source import Source, Update, Verdict
from poller.stream.timing import DoubtTiming, StreamTiming
from poller.venues.binance.dialect import LIMITS as BINANCE_LIMITS
from poller.venues.binance.rest_source import BinanceRest
from poller.venues.binance.streams import BinanceStreams
from tests.exchange import Exchange, Limits

# Short where waiting is part of every test; long where a slow machine must not be taken for a fault.
LIMITS = Limits(message_window_s=0.1, summary_s=0.02)
STREAMS = StreamTiming(
    connect_timeout_s=5.0,
    reply_timeout_s=5.0,
    ready_timeout_s=20.0,
    quiet_s=20.0,
    doubts=DoubtTiming(patience_s=20.0, gap_s=20.0),
    review_s=0.05,
    grace_s=10.0,
    backoff_base_s=0.02,
    backoff_cap_s=0.1,
    close_timeout_s=0.1,
)
STREAM_LIMITS = structs.replace(BINANCE_LIMITS, message_gap_s=0.05, message_window_s=0.1, silent_s=0.0)
REST = RestTiming(
    interval_s=0.02, doubts_gap_s=0.02, request_timeout_s=5.0, quiet_s=5.0, backoff_base_s=0.02, backoff_cap_s=0.1
)


def bare(instrument: Instrument) -> Instrument:
    """The same without its assets and the rules for orders."""
    return structs.replace(instrument, rules=None)


DOUBTS = DoubtTiming(patience_s=0.3, longest_s=1.2, gap_s=0.1, confirm_s=0.2, unusable_s=0.3, forgive_s=1.0)
"""For tests of doubt: a dead symbol is found within a second."""


def now_us() -> int:
    """Return the wall time, in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


def new_ws(exchange: Exchange, symbols: list[str], rest: RestTiming = REST, **timing: Any) -> StreamSource:
    """`binance-ws` on the local exchange, in a hurry."""
    limits = {name: timing.pop(name) for name in STREAM_LIMITS.__struct_fields__ if name in timing}
    return StreamSource(
        symbols,
        BinanceStreams(exchange.rest_url, structs.replace(STREAM_LIMITS, **limits)),
        exchange.ws_url,
        now_us=now_us,
        rng=random.Random(1),
        timing=structs.replace(STREAMS, **timing),
        rest_timing=rest,
    )


def new_rest(exchange: Exchange, symbols: list[str], **timing: float) -> BinanceRest:
    """`binance-rest` on the local exchange, in a hurry."""
    replaced = structs.replace(REST, **timing)
    return BinanceRest(symbols, exchange.rest_url, now_us=now_us, rng=random.Random(1), timing=replaced)


class RecordingListener:
    """A listener that keeps all reports of a source. Like a processor it knows which updates are news."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.listings: list[tuple[str, Instrument]] = []
        self.misread: list[str | None] = []
        self.lacking: dict[str, str] = {}
        """Symbol → why it does not arrive."""
        self.notes: dict[str, str] = {}
        """Symbol → what is unusual about it; for every symbol that was ever reported covered."""
        self.was_lacking: dict[str, str] = {}
        self._newest: dict[str, Update] = {}

    def update(self, update: Update) -> Verdict:
        self.updates.append(update)
        if update.bid == "nonsense":
            return "unusable"
        before = self._newest.get(update.symbol)
        if update.last is not None:
            return "news"
        self._newest[update.symbol] = update
        quote = update.bid, update.bid_size, update.ask, update.ask_size
        same = before is not None and quote == (before.bid, before.bid_size, before.ask, before.ask_size)
        return "known" if same else "news"

    def unreadable(self, symbol: str | None, why: str) -> None:
        self.misread.append(symbol)

    def listed(self, symbol: str, instrument: Instrument) -> None:
        self.listings.append((symbol, instrument))

    def uncovered(self, symbol: str, reason: str, for_s: float = 0.0) -> None:
        self.lacking[symbol] = self.was_lacking[symbol] = reason

    def covered(self, symbol: str, note: str = "") -> None:
        self.lacking.pop(symbol, None)
        self.notes[symbol] = note


class Tell(RecordingListener):
    """Passes updates on to a function, and keeps nothing of them."""

    def __init__(self, tell: Callable[[Update], object]) -> None:
        super().__init__()
        self._tell = tell

    def update(self, update: Update) -> Verdict:
        self._tell(update)
        return "news"


@asynccontextmanager
async def listening(source: Source) -> AsyncIterator[list[Update]]:
    """Run ``source`` and collect its updates within the block."""
    async with heeding(source) as listener:
        yield listener.updates


@asynccontextmanager
async def heeding(source: Source) -> AsyncIterator[RecordingListener]:
    """Run ``source`` and keep all its reports within the block."""
    listener = RecordingListener()
    await source.instruments()
    task = asyncio.create_task(source.run(listener))
    try:
        yield listener
    finally:
        ended_early = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert not ended_early, f"a source never ends by itself: {task}"


async def eventually(condition: Callable[[], object], within_s: float = 15.0) -> None:
    """Return as soon as ``condition`` holds.

    Raises:
        TimeoutError: it did not, for ``within_s``.
    """
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - a condition on plain values has no event
            await asyncio.sleep(0.002)


def bids(updates: list[Update], symbol: str) -> list[str | None]:
    """The bids of one symbol's quotes, in order."""
    return [update.bid for update in updates if update.symbol == symbol and update.bid is not None]


async def arrived(updates: list[Update], symbol: str, bid: str) -> None:
    """Return once a quote of ``symbol`` with this bid has arrived."""
    await eventually(lambda: bid in bids(updates, symbol))
