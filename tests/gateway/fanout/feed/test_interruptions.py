"""A feed while one server of its bus is replaced, and the others go on; on a virtual clock."""

import asyncio

from gateway.fanout.feed.venue_feed import INTERRUPTED
from gateway.protocol.forms import FramedTick
from market.prices.symbols import parse_symbols
from market.wire.codec import encode_tick
from tests.fakes import run_virtual, tick
from tests.gateway.fanout.feed.test_feed import Setup, running


class Link:
    """The one subscription of a feed, of which a part can be interrupted."""

    def __init__(self, setup: Setup) -> None:
        (link,) = setup.bus._subscriptions
        self._link = link

    def interrupt(self) -> None:
        self._link.interrupted = True

    def restore(self) -> None:
        self._link.interrupted = False
        self._link.missed.set()


def test_an_interruption_is_told_and_its_end_with_the_next_heartbeat() -> None:
    """Prices are stale while a part of the bus brings nothing, though heartbeats come; the link stays, ticks pass."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(2, "BTCUSDT")
            link = Link(setup)
            link.interrupt()
            await setup.poll(2, "BTCUSDT")
            assert ("stale", INTERRUPTED) == setup.statuses[-1]
            assert 4 == setup.last["BTCUSDT"].seq
            link.restore()
            await asyncio.sleep(0.9)
            assert "stale" == setup.statuses[-1][0]
            await setup.poll(1)
            assert ["live", "stale", "live"] == [feed for feed, _ in setup.statuses]
            assert 1 == setup.bus.attempts

    run_virtual(main())


def test_what_was_missed_is_read_and_prices_stay_live() -> None:
    """A part that was away for a moment costs a look at the last values: no `stale`, no new link."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(2, "BTCUSDT")
            setup.bus.store("BTCUSDT", encode_tick(tick(seq=7)))
            Link(setup).restore()
            await asyncio.sleep(0.3)
            assert 7 == setup.last["BTCUSDT"].seq
            assert [1, 2, 7] == [one.seq for one in setup.published if isinstance(one, FramedTick)]
            await setup.poll(3)
            assert ["live"] == [feed for feed, _ in setup.statuses]
            assert 1 == setup.bus.attempts

    run_virtual(main())


def test_an_interruption_is_known_to_the_history_at_once() -> None:
    """When the bus tells of an interruption, the history is cut there, before anything else is received."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(2, "BTCUSDT")
            told = []
            setup.feed._intake.continuity.interrupted = lambda: told.append(1)  # type: ignore[method-assign]
            setup.feed.serve(parse_symbols("BTCUSDT"))
            await setup.poll(1, "BTCUSDT")
            (link,) = setup.bus._subscriptions
            link.on_interrupt()
            assert [1] == told

    run_virtual(main())


def test_last_values_that_cannot_be_read_keep_prices_stale() -> None:
    """While the last values cannot be read, prices are stale and other ticks pass; the feed tries until it can."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(2, "BTCUSDT")
            setup.bus.unreadable = True
            Link(setup).restore()
            await setup.poll(3, "BTCUSDT")
            assert ("stale", INTERRUPTED) == setup.statuses[-1]
            assert 5 == setup.last["BTCUSDT"].seq
            setup.bus.unreadable = False
            await setup.poll(2)
            assert "live" == setup.statuses[-1][0]
            assert 1 == setup.bus.attempts

    run_virtual(main())


def test_a_heartbeat_before_the_last_values_proves_nothing() -> None:
    """After a gap prices are live only with a heartbeat that came after the last values were read."""

    async def main() -> None:
        async with running() as setup:
            await setup.poll(2)
            link = Link(setup)
            link.interrupt()
            await setup.poll(1)
            link.restore()
            await setup.heartbeat()
            await asyncio.sleep(0.5)
            assert "stale" == setup.statuses[-1][0]
            await setup.heartbeat()
            assert "live" == setup.statuses[-1][0]

    run_virtual(main())
