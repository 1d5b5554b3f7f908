"""Prices of an exchange that does not exist."""

import asyncio
import time
from collections import Counter
from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec import structs

from market.prices.tick import scaled
from poller.source import Update
from poller.ticks.processor import Processor
from poller.venues.simulated import DEFAULT_LISTING, Simulated, listings
from tests.fakes import VirtualTimeLoop, run_virtual
from tests.poller.listening import RecordingListener, Tell

LISTINGS = listings()
SYMBOLS = tuple(LISTINGS)


def simulate(
    seconds: float, rate: int, symbols: tuple[str, ...] = SYMBOLS, seed: int = 1
) -> list[tuple[float, Update]]:
    """All updates of this many virtual seconds, with their times."""

    async def main() -> list[tuple[float, Update]]:
        loop = asyncio.get_running_loop()
        updates: list[tuple[float, Update]] = []
        source = Simulated(
            symbols, ticks_per_s=rate, seed=seed, now_us=lambda: round(loop.time() * 1e6), notice="a game"
        )
        assert ("simulated", "up", "a game") == (source.state.source, source.state.link, source.state.reason)
        running = asyncio.create_task(source.run(Tell(lambda update: updates.append((loop.time(), update)))))
        await asyncio.sleep(seconds)
        running.cancel()
        return updates

    return run_virtual(main())


def plain(updates: list[tuple[float, Update]]) -> list[Update]:
    """The updates without their times."""
    return [structs.replace(update, recv_us=0, event_us=None) for _, update in updates]


def test_same_seed_same_prices() -> None:
    """The same seed and symbols give the same sequence, another seed another."""
    first = plain(simulate(2, 500))
    assert first == plain(simulate(2, 500))
    assert first != plain(simulate(2, 500, seed=2))


def test_slow_pace_is_even() -> None:
    """At a slow rate quotes come one by one, evenly spaced, after one of each symbol at the start."""
    updates = simulate(60, 10, ("BTCUSDT", "ETHUSDT"))
    assert {"BTCUSDT", "ETHUSDT"} == {update.symbol for when, update in updates if when == 0}
    times = [when for when, _ in updates if when > 0]
    assert 599 <= len(times) <= 600
    assert all(0.0999 < later - earlier < 0.1001 for earlier, later in pairwise(times))


@pytest.mark.parametrize("rate", [100, 101, 1_000, 9_999, 10_000])
def test_fast_pace_is_exact(rate: int) -> None:
    """At a fast rate quotes come in small batches, and after any time their number is rate times time."""
    updates = simulate(3.005, rate)
    batches = Counter(when for when, _ in updates if when > 0)
    assert len(SYMBOLS) + round(rate * 3.005) - rate * 0.0151 <= len(updates) <= len(SYMBOLS) + rate * 3.005 + 1
    assert max(batches.values()) <= rate / 100 + 1


def test_stall_is_not_caught_up_with() -> None:
    """After a stall of the process, no more than one second's quotes come at once."""

    async def main() -> int:
        updates: list[Update] = []
        source = Simulated(("BTCUSDT",), ticks_per_s=1000, seed=1, now_us=lambda: 0)
        running = asyncio.create_task(source.run(Tell(updates.append)))
        await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.jump(3600)
        await asyncio.sleep(0.02)
        running.cancel()
        return len(updates)

    assert 1_000 <= run_virtual(main()) <= 1_150


def test_every_quote_is_sound() -> None:
    """At full rate over 100 symbols the processor takes every update, so none is too fine, crossed or repeated."""

    async def main() -> None:
        source = Simulated(SYMBOLS, ticks_per_s=10_000, seed=7, now_us=lambda: 1)
        processor = Processor(await source.instruments(), lambda _: 1)
        count = 0

        def emit(update: Update) -> None:
            nonlocal count
            count += 1
            outcome = processor.process(update)
            assert outcome.tick is not None
            assert outcome.fits
            listing = LISTINGS[update.symbol]
            for price in (update.bid, update.ask, update.last):
                assert price is None or Decimal(price) % Decimal(listing.tick) == 0
            assert Decimal(update.bid_size or "") % Decimal(listing.step) == 0

        running = asyncio.create_task(source.run(Tell(emit)))
        await asyncio.sleep(1)
        running.cancel()
        assert count > 9_000
        assert 0 == sum(processor.drops.values())

    run_virtual(main())


def test_summary_each_second() -> None:
    """About once a second a symbol's quote has last price, volume and an event time as well, the first one too."""
    updates = simulate(30, 200, ("BTCUSDT", "ETHUSDT"))
    assert all(update.last and update.volume and update.event_us == 0 for _, update in updates[:2])
    bitcoin = [update for _, update in updates if update.symbol == "BTCUSDT"]
    summaries = [update for update in bitcoin if update.last]
    assert 25 <= len(summaries) <= 35
    assert all(update.last in {update.bid, update.ask} for update in summaries)
    volumes = [Decimal(update.volume or "") for update in summaries]
    assert sorted(volumes) == volumes
    assert [None] * (len(bitcoin) - len(summaries)) == [its.event_us for its in bitcoin if its.last is None]


def test_walk_stays_near_its_start() -> None:
    """Prices move, but stay between half and twice what they began at."""
    prices = [Decimal(update.bid or "") for _, update in simulate(30, 1000, ("BTCUSDT",))]
    assert len(set(prices)) > 5_000
    assert Decimal(32_000) < min(prices) <= max(prices) < Decimal(131_000)


def test_unknown_symbol_has_the_default_listing() -> None:
    """A symbol that is not in the list is simulated all the same."""
    (_, update), *_ = simulate(0.1, 1, ("WHATEVER",))
    assert Decimal(9) < Decimal(update.bid or "") < Decimal(11)
    assert Decimal(update.bid or "") % Decimal(DEFAULT_LISTING.tick) == 0


def test_another_venue_s_symbol_is_like_the_one_of_its_base() -> None:
    """Bitcoin costs about as much at every venue."""
    first = simulate(0.1, 1, symbols=("coinbase:BTC-USD", "BTCUSDT"))
    one, two = (Decimal(update.bid or "0") for _, update in first[:2])
    assert abs(one - two) < two / 100


def test_listings() -> None:
    """Each of the 100 listings starts on its own price grid, fine enough to move on."""
    assert 100 == len(LISTINGS)
    for symbol, listing in LISTINGS.items():
        assert symbol.endswith("USDT")
        steps = Decimal(listing.price) / Decimal(listing.tick)
        assert steps == int(steps), symbol
        assert steps > 50, symbol
        assert scaled(listing.step, 8), symbol


async def test_full_rate_on_a_real_clock() -> None:
    """10,000 ticks a second over 100 symbols pass through the processor in a fraction of a core."""
    source = Simulated(SYMBOLS, ticks_per_s=10_000, seed=1, now_us=lambda: time.time_ns() // 1000)
    processor = Processor(await source.instruments(), lambda _: 1)
    count = 0

    def emit(update: Update) -> None:
        nonlocal count
        count += processor.process(update).tick is not None

    loop = asyncio.get_running_loop()
    started, cpu = loop.time(), time.process_time()
    running = asyncio.create_task(source.run(Tell(emit)))
    await asyncio.sleep(1)
    elapsed, cpu = loop.time() - started, time.process_time() - cpu
    running.cancel()
    # A machine too busy to keep up makes this slower, never faster; the virtual clock checks exactly.
    assert 0 < count <= elapsed * 10_000 + 100
    assert cpu / count < 100e-6


def test_symbols_added_and_removed_while_running() -> None:
    """A new symbol is listed and quoted at once, the others continue their walk, a removed one is silent."""

    async def main() -> None:
        source = Simulated(("BTCUSDT", "ETHUSDT"), ticks_per_s=100, seed=1, now_us=lambda: 1)
        listener = RecordingListener()
        running = asyncio.create_task(source.run(listener))
        await asyncio.sleep(1)
        before = [update for update in listener.updates if update.symbol == "ETHUSDT"][-1]
        source.serve(("ETHUSDT", "SOLUSDT"))
        assert [("SOLUSDT", "trading")] == [(symbol, its.status) for symbol, its in listener.listings]
        assert "SOLUSDT" == listener.updates[-1].symbol
        seen = len(listener.updates)
        await asyncio.sleep(5)
        running.cancel()
        updates = Counter(update.symbol for update in listener.updates[seen:])
        assert {"ETHUSDT", "SOLUSDT"} == updates.keys()
        after = next(update for update in listener.updates[seen:] if update.symbol == "ETHUSDT")
        assert (before.update_id or 0) + 1 == after.update_id

    run_virtual(main())
