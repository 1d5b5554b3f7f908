"""Two venues on one bus do not affect each other; on a virtual clock."""

import asyncio

import pytest
from msgspec import UNSET

from gateway.fanout.feed.delivery import LOST
from gateway.fanout.feed.venue_feed import NOT_SERVED
from gateway.protocol.messages import Status
from market.bus import Batch
from market.prices.symbols import parse_symbols
from market.wire.codec import encode_heartbeat
from market.wire.status import Heartbeat
from market.wire.topics import HEARTBEAT
from tests.fakes import run_virtual, tick
from tests.gateway.fanout.feed.test_feed import Setup, running
from tests.market.bus.using import publish

BOTH = "BTCUSDT,coinbase:BTC-USD"


def statuses(setup: Setup) -> list[tuple[str, str, str]]:
    """Venue, feed and reason of each status, in order."""
    return [(one.venue, one.feed, one.reason) for one in setup.published if isinstance(one, Status)]


def test_each_venue_is_live_with_its_own_first_heartbeat() -> None:
    """Each venue is stale for its own reason until its own first heartbeat."""

    async def main() -> None:
        async with running(BOTH) as setup:
            assert ["binance", "coinbase"] == [status.venue for status in setup.feed.statuses]
            await setup.heartbeat()
            assert [("binance", "live", "")] == statuses(setup)
            assert (False, {"binance": 1, "coinbase": 0}) == (setup.feed.live, setup.feed.live_venues())
            await setup.heartbeat(venue="coinbase", source="coinbase-ws")
            assert ("coinbase", "live", "") == statuses(setup)[-1]
            assert ["simulated", "coinbase-ws"] == [status.source for status in setup.feed.statuses]
            assert setup.feed.live

    run_virtual(main())


def test_a_poller_that_ends_makes_its_own_symbols_stale() -> None:
    """A dead poller makes only its venue stale; the link stays."""

    async def main() -> None:
        async with running(BOTH) as setup:
            for _ in range(3):
                await setup.heartbeat()
                await setup.heartbeat(venue="coinbase")
                await asyncio.sleep(1)
            await setup.poll(10, "BTCUSDT")
            expected = [
                ("binance", "live", ""),
                ("coinbase", "live", ""),
                ("coinbase", "stale", "the poller is silent"),
            ]
            assert expected == statuses(setup)
            await setup.heartbeat(venue="coinbase")
            assert ("coinbase", "live", "") == statuses(setup)[-1]
            assert 1 == setup.counters.bus_links

    run_virtual(main())


def test_an_exchange_that_is_silent_is_one_venue_s() -> None:
    """An exchange that is silent makes only its venue stale, by its poller's heartbeats."""

    async def main() -> None:
        async with running(BOTH) as setup:
            await setup.heartbeat()
            await setup.heartbeat(venue="coinbase", link="down", reason="banned")
            assert [("binance", "live", ""), ("coinbase", "stale", "banned")] == statuses(setup)

    run_virtual(main())


def test_a_venue_without_a_poller_is_told_so() -> None:
    """A venue without a poller is stale after three seconds."""

    async def main() -> None:
        async with running(BOTH) as setup:
            await setup.poll(5, "BTCUSDT")
            assert ("coinbase", "stale", "the poller is silent") == statuses(setup)[-1]
            assert "" == setup.feed.statuses[1].source

    run_virtual(main())


def test_without_a_link_everything_is_stale() -> None:
    """Without a link each venue gets one stale status."""

    async def main() -> None:
        async with running(BOTH) as setup:
            await setup.heartbeat()
            await setup.heartbeat(venue="coinbase")
            setup.bus.stop()
            await asyncio.sleep(1)
            stale = [(venue, "stale", "no link to the bus") for venue in ("binance", "coinbase")]
            assert stale == statuses(setup)[2:4]

    run_virtual(main())


def test_a_heartbeat_of_another_venue_is_none() -> None:
    """A heartbeat of an unknown venue is counted, and keeps no venue live."""

    async def main() -> None:
        async with running(BOTH) as setup:
            now = setup.now_us()
            wrong = Heartbeat(source="x", link="up", since_us=now, sent_us=now, venue="coinbase")
            await setup.bus.publish(Batch(barrier=(HEARTBEAT, encode_heartbeat(wrong))))
            assert {"not_a_beat": 1} == setup.counters.bus_refused
            assert [] == statuses(setup)

    run_virtual(main())


def test_ticks_that_do_not_pass_are_one_venue_s() -> None:
    """If one venue's ticks do not pass, only that venue is stale."""

    async def main() -> None:
        async with running(BOTH) as setup:
            setup.bus.lost_channels = {"coinbase:BTC-USD"}
            for seq in range(1, 30):
                await publish(setup.bus, [tick("BTCUSDT", seq), tick("coinbase:BTC-USD", seq)])
                await setup.heartbeat()
                await setup.heartbeat(venue="coinbase")
                await asyncio.sleep(1)
            assert ("coinbase", "stale", LOST) in statuses(setup)
            assert [("binance", "live", "")] == [its for its in statuses(setup) if its[0] == "binance"]

    run_virtual(main())


def test_venues_come_and_go_with_their_symbols() -> None:
    """A new venue is reported at once, and live with its first heartbeat."""

    async def main() -> None:
        async with running("BTCUSDT") as setup:
            await setup.poll(10, "BTCUSDT")
            setup.states.serve(parse_symbols(BOTH))
            setup.feed.serve(parse_symbols(BOTH))
            assert ("coinbase", "stale", "no link to the bus") == statuses(setup)[-1]
            await asyncio.sleep(1)
            await setup.heartbeat()
            await setup.heartbeat(venue="coinbase")
            assert ("coinbase", "live", "") == statuses(setup)[-1]
            setup.feed.serve(parse_symbols("coinbase:BTC-USD"))
            await asyncio.sleep(1)
            assert ["coinbase"] == [status.venue for status in setup.feed.statuses]
            said = len(statuses(setup))
            await setup.heartbeat(link="down")
            assert said == len(statuses(setup))

    run_virtual(main())


@pytest.mark.parametrize(("venue", "left"), [("coinbase", "BTCUSDT"), ("binance", "coinbase:BTC-USD")])
def test_a_venue_that_is_not_served_any_more_has_a_last_status(venue: str, left: str) -> None:
    """A removed venue gets a last status, stale; its heartbeats change nothing, and the other venue stays live."""

    async def main() -> None:
        async with running(BOTH) as setup:
            await setup.heartbeat()
            await setup.heartbeat(venue="coinbase")
            setup.feed.serve(parse_symbols(left))
            last = setup.published[-1]
            assert isinstance(last, Status)
            assert (venue, "stale", NOT_SERVED, False) == (last.venue, last.feed, last.reason, last.served)
            assert "simulated" == last.source
            count = len(setup.published)
            for _ in range(5):
                await setup.heartbeat()
                await setup.heartbeat(venue="coinbase")
                await asyncio.sleep(1)
            assert count == len(setup.published)
            assert {venue} == {"binance", "coinbase"} - setup.feed.live_venues().keys()
            assert setup.feed.live

    run_virtual(main())


def test_a_venue_that_was_stale_has_its_last_status_too() -> None:
    """A removed venue that was stale gets its last status too."""

    async def main() -> None:
        async with running(BOTH) as setup:
            await setup.poll(5, "BTCUSDT")
            setup.feed.serve(parse_symbols("BTCUSDT"))
            silent = ("coinbase", "stale", "the poller is silent")
            assert [silent, ("coinbase", "stale", NOT_SERVED)] == statuses(setup)[-2:]

    run_virtual(main())


def test_a_venue_that_is_served_again_begins_anew() -> None:
    """A venue that is served again is stale until its next heartbeat; one that lost only some symbols stays live."""

    async def main() -> None:
        async with running(f"{BOTH},coinbase:ETH-USD") as setup:
            await setup.heartbeat()
            await setup.heartbeat(venue="coinbase")
            count = len(setup.published)
            setup.feed.serve(parse_symbols(BOTH))
            assert count == len(setup.published)
            setup.feed.serve(parse_symbols("BTCUSDT"))
            setup.feed.serve(parse_symbols(BOTH))
            await setup.heartbeat(venue="coinbase")
            assert [False, UNSET, UNSET] == [
                one.served for one in setup.published[count:] if isinstance(one, Status) and one.venue == "coinbase"
            ]
            assert ("coinbase", "live", "") == statuses(setup)[-1]

    run_virtual(main())
