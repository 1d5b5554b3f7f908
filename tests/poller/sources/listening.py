"""What the tests of the Binance sources share: short timings, and a source at work."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec import structs

from poller.sources import Source, Update
from poller.sources.binance_rest import BinanceRest
from poller.sources.binance_timing import RestTiming, StreamTiming
from poller.sources.binance_ws import BinanceWs
from tests.exchange import Exchange, Limits

# Short where waiting is part of every test; long where a slow machine must not be taken for a fault.
LIMITS = Limits(message_window_s=0.1, summary_s=0.02)
STREAMS = StreamTiming(
    message_gap_s=0.05,
    message_window_s=0.1,
    connect_timeout_s=5.0,
    reply_timeout_s=5.0,
    ready_timeout_s=20.0,
    quiet_s=20.0,
    symbol_quiet_s=20.0,
    review_s=0.05,
    grace_s=10.0,
    backoff_base_s=0.02,
    backoff_cap_s=0.1,
    close_timeout_s=0.1,
)
REST = RestTiming(interval_s=0.02, request_timeout_s=5.0, quiet_s=5.0, backoff_base_s=0.02, backoff_cap_s=0.1)


def now_us() -> int:
    return time.time_ns() // 1000


def new_ws(exchange: Exchange, symbols: list[str], rest: RestTiming = REST, **timing: float) -> BinanceWs:
    """`binance-ws` on the local exchange, in a hurry."""
    return BinanceWs(
        symbols,
        exchange.rest_url,
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


@asynccontextmanager
async def listening(source: Source) -> AsyncIterator[list[Update]]:
    """Run ``source``, collecting what it emits, for as long as the block lasts."""
    updates: list[Update] = []
    task = asyncio.create_task(source.run(updates.append))
    try:
        yield updates
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


async def heard(updates: list[Update], symbol: str, bid: str) -> None:
    """Return once a quote of ``symbol`` with this bid was emitted."""
    await eventually(lambda: bid in bids(updates, symbol))
