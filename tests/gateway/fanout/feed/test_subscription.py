"""Batches where a poller announces them, the channels of symbols where it does not; on a virtual clock."""

import asyncio
from collections.abc import Iterable

import pytest
from msgspec import UNSET, UnsetType

from gateway.fanout.feed.intake import ticks_of
from gateway.fanout.feed.venue_feed import HEARTBEAT_TIMEOUT_S
from gateway.protocol.forms import FramedTick
from gateway.protocol.messages import Status
from market.bus import Batch, Message, Receiver, Token, in_partition, partition_of
from market.bus.memory import MemorySubscription
from market.prices.tick import SEQ_AHEAD_MS, Tick
from market.wire.codec import encode_tick
from market.wire.status import BatchLayout, Changes, Heartbeat
from market.wire.tick_batch import encode_batch
from poller.publishing.tick_batches import TickBatches
from tests.fakes import run_virtual, tick
from tests.gateway.fanout.feed.test_feed import FragileBus, Setup, running
from tests.gateway.fanout.feed.test_venue_feed import BOTH, statuses
from tests.market.bus.using import publish
from tests.market.samples import status


class BatchPoller:
    """A poller that publishes batches, on the bus of a feed under test."""

    def __init__(self, setup: Setup, partitions: int = 1, *, venue: str = "binance", channels: bool = False) -> None:
        setup.bus.partitions = partitions
        self._setup = setup
        self._venue = venue
        self._batches = TickBatches(partitions, symbol_channels=channels, venue=venue)
        self.layout: BatchLayout | UnsetType = self._batches.layout
        """What its heartbeats announce."""
        self.changes: Changes | UnsetType = UNSET

    async def send(self, *ticks: Tick) -> None:
        await self._setup.bus.publish(self._batches.batch(ticks))

    async def heartbeat(self) -> None:
        now = self._setup.now_us()
        await self._setup.bus.publish(
            self._batches.batch(
                [],
                Heartbeat(
                    source="simulated",
                    link="up",
                    since_us=now,
                    sent_us=now,
                    venue=self._venue,
                    batches=self.layout,
                    states=self.changes,
                ),
            )
        )

    async def live(self, seconds: int = 2) -> None:
        """Heartbeats for so long, each second."""
        for _ in range(seconds):
            await self.heartbeat()
            await asyncio.sleep(1)


def topics(setup: Setup) -> set[str]:
    """What the feed is subscribed to."""
    return {topic for subscription in setup.bus._subscriptions for topic in subscription._topics}


def passed(setup: Setup) -> list[tuple[str, int]]:
    """Symbol and seq of each tick that was passed on."""
    return [(one.topic, one.seq) for one in setup.published if isinstance(one, FramedTick)]


def test_an_announcement_is_followed() -> None:
    """The first heartbeat announces batches: they are read from then on, and the symbols' channels no more."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup, 2)
            assert {"feed.status", "tick.BTCUSDT", "tick.ETHUSDT"} == topics(setup)
            await poller.live()
            names = ("batch.binance", "batch.binance.stats", "feed.status")
            batches = {in_partition(name, number) for number in (0, 1) for name in names}
            assert {"feed.status", "0#batch.binance.instruments", *batches} == topics(setup)
            await poller.send(tick("BTCUSDT", 1), tick("ETHUSDT", 1), tick("BTCUSDT", 2))
            assert {("BTCUSDT", 1), ("ETHUSDT", 1), ("BTCUSDT", 2)} == set(passed(setup))
            assert [("live", "")] == setup.statuses
            assert (3, 0) == (setup.counters.ticks_received, setup.counters.ticks_old)

    run_virtual(main())


def test_nothing_is_missed_or_doubled_on_the_way_to_batches() -> None:
    """While a gateway changes from channels to batches, each tick is passed on once, in order."""

    async def main() -> None:
        async with running() as setup:
            setup.bus.slow_s = 0.5
            poller = BatchPoller(setup, channels=True)
            for seq in range(1, 41):
                await poller.send(tick("BTCUSDT", seq))
                if seq % 10 == 1:
                    await poller.heartbeat()
                await asyncio.sleep(0.1)
            assert [("BTCUSDT", seq) for seq in range(1, 41)] == passed(setup)
            assert [("live", "")] == setup.statuses

    run_virtual(main())


def test_prices_are_live_once_batches_are_read() -> None:
    """Without channels of symbols a gateway is live when it reads batches, not before: then no tick is missing."""

    async def main() -> None:
        async with running() as setup:
            setup.bus.slow_s = 0.5
            poller = BatchPoller(setup)
            for seq in range(1, 41):
                await poller.send(tick("BTCUSDT", seq))
                if seq % 10 == 5:
                    await poller.heartbeat()
                await asyncio.sleep(0.1)
            assert [("live", "")] == setup.statuses
            live = next(at for at, one in enumerate(setup.published) if isinstance(one, Status))
            seqs = [one.seq for one in setup.published[live:] if isinstance(one, FramedTick)]
            assert seqs == list(range(seqs[0], 41))
            before = [one.seq for one in setup.published[:live] if isinstance(one, FramedTick)]
            assert before[-1] == seqs[0] - 1
            assert 10 <= before[-1] <= 11

    run_virtual(main())


def test_prices_are_not_live_before_the_last_values_are_read_once_batches_are() -> None:
    """However often heartbeats come meanwhile: a symbol that moved during the change would be old, or have a gap."""

    async def main() -> None:
        async with running() as setup:
            poller, read = BatchPoller(setup), setup.bus.read

            async def slow(topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
                values = await read(topics, max_bytes=max_bytes)
                await asyncio.sleep(1)
                return values

            setup.bus.read, setup.bus.slow_s = slow, 0.5  # type: ignore[method-assign]
            await poller.heartbeat()
            await asyncio.sleep(0.3)
            await poller.send(tick("ETHUSDT", 3))
            for _ in range(60):
                await poller.heartbeat()
                await asyncio.sleep(0.1)
            assert [("live", "")] == setup.statuses
            told = [one for one in setup.published if isinstance(one, FramedTick | Status)]
            assert [FramedTick, Status] == [type(one) for one in told]

    run_virtual(main())


@pytest.mark.parametrize("layout", [UNSET, BatchLayout(version=2, partitions=1)])
def test_what_is_not_announced_is_not_read(layout: BatchLayout | UnsetType) -> None:
    """A poller older than batches, or with batches of another version, is read by the symbols' channels."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup, channels=True)
            poller.layout = layout
            await poller.live(5)
            await poller.send(tick("BTCUSDT", 1))
            assert {"feed.status", "tick.BTCUSDT", "tick.ETHUSDT"} == topics(setup)
            assert [("BTCUSDT", 1)] == passed(setup)
            assert [("live", "")] == setup.statuses

    run_virtual(main())


def test_an_older_poller_takes_over() -> None:
    """A leader that announces no batches is read by channels again, and a newer one by batches; prices stay live."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup)
            await poller.live()
            await setup.poll(5, "BTCUSDT")
            assert 5 == setup.last["BTCUSDT"].seq
            await poller.live(3)
            await poller.send(tick("BTCUSDT", 6))
            assert 6 == setup.last["BTCUSDT"].seq
            assert [("live", "")] == setup.statuses

    run_virtual(main())


def test_another_number_of_partitions() -> None:
    """A poller may begin with another number of partitions; prices stay live."""

    async def main() -> None:
        async with running() as setup:
            for number, partitions in enumerate((1, 4, 2)):
                poller = BatchPoller(setup, partitions)
                await poller.live(3)
                await poller.send(tick("BTCUSDT", number), tick("ETHUSDT", number))
                assert {number} == {one.seq for one in setup.last.values()}
            assert [("live", "")] == setup.statuses

    run_virtual(main())


def test_one_silent_partition_makes_prices_stale() -> None:
    """Prices are live only while the heartbeats of all partitions come; the status names the one that is silent."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup, 3)
            await poller.live()
            setup.bus.lost_topics = {in_partition("feed.status", 1), in_partition("batch.binance", 1)}
            await poller.live(5)
            assert [("live", ""), ("stale", "partition 1 of the bus is silent")] == setup.statuses
            setup.bus.lost_topics = set()
            await poller.live(1)
            assert ("live", "") == setup.statuses[-1]

    run_virtual(main())


def test_all_partitions_are_silent() -> None:
    """If no partition brings heartbeats it is the poller that is silent, even while its plain heartbeat comes."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup, 2)
            await poller.live()
            setup.bus.lost_topics = {in_partition("feed.status", number) for number in (0, 1)}
            await poller.live(5)
            assert [("live", ""), ("stale", "the poller is silent")] == setup.statuses

    run_virtual(main())


def test_states_wait_for_every_partition() -> None:
    """States change once the heartbeat has come from all partitions: until then a last tick may still come."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup, 2)
            await setup.report(1, live=["BTCUSDT", "ETHUSDT"])
            poller.changes = Changes(version=1, since=1)
            await poller.live()
            poller.changes = Changes(version=2, since=1, symbols=[status("BTCUSDT", "halted")])
            setup.bus.lost_topics = {in_partition("feed.status", 1)}
            await poller.heartbeat()
            assert [] == setup.state_changes
            setup.bus.lost_topics = set()
            await poller.heartbeat()
            assert [("BTCUSDT", "halted")] == setup.state_changes

    run_virtual(main())


def test_a_new_link_reads_batches_at_once() -> None:
    """After a lost link the batches are read that were announced before; nothing waits for another announcement."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup)
            await poller.live()
            setup.bus.stop()
            await asyncio.sleep(1)
            setup.bus.stopped = False
            await asyncio.sleep(HEARTBEAT_TIMEOUT_S)
            assert "0#batch.binance" in topics(setup)
            await poller.send(tick("BTCUSDT", 1))
            assert [("BTCUSDT", 1)] == passed(setup)
            await poller.heartbeat()
            assert ("live", "") == setup.statuses[-1]

    run_virtual(main())


def test_venues_are_read_each_in_its_way() -> None:
    """One venue's poller may publish batches while another's is older."""

    async def main() -> None:
        async with running(BOTH) as setup:
            poller = BatchPoller(setup, venue="coinbase")
            for _ in range(3):
                await poller.heartbeat()
                await setup.heartbeat()
                await asyncio.sleep(1)
            assert {"tick.BTCUSDT", "0#batch.coinbase"} <= topics(setup)
            assert "tick.coinbase:BTC-USD" not in topics(setup)
            await poller.send(tick("coinbase:BTC-USD", 1))
            await publish(setup.bus, [tick("BTCUSDT", 1)])
            assert [("coinbase:BTC-USD", 1), ("BTCUSDT", 1)] == passed(setup)
            assert [("binance", "live", ""), ("coinbase", "live", "")] == sorted(statuses(setup))

    run_virtual(main())


def test_wrong_ticks_in_a_batch() -> None:
    """What cannot be right is counted and refused; the other ticks of its batch pass, in order."""

    async def main() -> None:
        async with running() as setup:
            await BatchPoller(setup).live()
            ahead = setup.now_us() // 1000 + SEQ_AHEAD_MS + 10
            parts = [
                encode_tick(tick("BTCUSDT", 1)),
                b'{"symbol":"BTCUSDT"}',
                encode_tick(tick("XRPUSDT", 1)),
                encode_tick(tick("BTCUSDT", ahead)),
                encode_tick(tick("ETHUSDT", 1)).replace(b"{", b"{" + b" " * 2000),
                encode_tick(tick("BTCUSDT", 2)),
            ]
            for part in (parts, parts[2:4], [b"1"]):
                await setup.bus.publish(Batch(events=[("0#batch.binance", encode_batch("t", 0, part))]))
            await setup.bus.publish(Batch(events=[("0#batch.binance", b"[")]))
            assert [("BTCUSDT", 1), ("BTCUSDT", 2)] == passed(setup)
            assert {"not_a_tick": 3, "wrong_seq": 2, "not_a_batch": 1} == setup.counters.bus_refused

    run_virtual(main())


def test_older_and_repeated_ticks_in_a_batch() -> None:
    """A tick that is not newer is counted and not passed on; if only older ones come for long, they are followed."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup)
            await poller.live()
            await poller.send(tick("BTCUSDT", 5), tick("BTCUSDT", 5), tick("BTCUSDT", 3), tick("BTCUSDT", 6))
            assert [5, 6] == [seq for _, seq in passed(setup)]
            assert (2, 2) == (setup.counters.ticks_received, setup.counters.ticks_old)
            for seq in (1, 2, 3, 4):
                await poller.send(tick("BTCUSDT", seq))
                await poller.live(1)
            assert 4 == setup.last["BTCUSDT"].seq
            await poller.send(tick("BTCUSDT", 5))
            assert 5 == setup.last["BTCUSDT"].seq

    run_virtual(main())


def test_partitions_of_a_symbol_and_its_last_value_agree() -> None:
    """A tick is sent in the partition in which its last value lies."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup, 8)
            await poller.live()
            setup.bus.lost_topics = {
                in_partition("batch.binance", number)
                for number in range(8)
                if number != partition_of("tick.BTCUSDT", 8)
            }
            await poller.send(tick("BTCUSDT", 1))
            assert [("BTCUSDT", 1)] == passed(setup)

    run_virtual(main())


@pytest.mark.parametrize("missed", [0, 1])
def test_the_history_goes_on_over_a_new_link_if_nothing_was_missed(missed: int) -> None:
    """After a lost link the numbers of the batches say whether the history is whole. While it was up, it is."""

    async def main() -> None:
        async with running() as setup:
            poller = BatchPoller(setup)
            await poller.live()
            await poller.send(tick("BTCUSDT", 1))
            before = setup.ring.newest_block
            await poller.send(tick("BTCUSDT", 2))
            await poller.live(3)
            assert setup.ring.newest_block is before
            setup.bus.stop()
            setup.bus.stopped = False
            for seq in range(missed):
                await poller.send(tick("ETHUSDT", 1 + seq))
            await poller.live(3)
            await poller.send(tick("BTCUSDT", 3))
            after = setup.ring.newest_block
            assert bool(missed) == (after is not before and after.cuts("BTCUSDT"))
            assert 3 == setup.last["BTCUSDT"].seq

    run_virtual(main())


class KeepingBus(FragileBus):
    """A bus that keeps all batches, and hands them to a subscriber first: its barriers are no history."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Message] = []

    async def publish(self, batch: Batch, *, token: Token | None = None) -> None:
        self.kept += batch.events
        await super().publish(batch, token=token)

    async def history_partitions(self) -> int:
        return self.partitions

    async def subscribe(self, topics: Iterable[str], receive: Receiver) -> MemorySubscription:
        subscription = await super().subscribe(topics, receive)
        subscription.deliver(self.kept)
        return subscription


def test_a_history_of_the_bus_is_read_before_the_last_values() -> None:
    """A gateway that begins has in its ring what the bus kept, in order and without a cut, by one subscription."""

    async def main() -> None:
        setup = Setup(bus=KeepingBus())
        poller = BatchPoller(setup, 2)
        for seq in range(1, 6):
            await poller.send(tick("BTCUSDT", seq), tick("ETHUSDT", 10 * seq))
        run = asyncio.create_task(setup.feed.run())
        await asyncio.sleep(0.1)
        expected = {*(("BTCUSDT", seq) for seq in range(1, 6)), *(("ETHUSDT", 10 * seq) for seq in range(1, 6))}
        assert expected == set(passed(setup))
        kept = [tick for entry in setup.ring.newest_block.entries for tick in ticks_of(entry)]
        assert [1, 2, 3, 4, 5] == [its.seq for its in kept if its.symbol == "BTCUSDT"]
        assert (0, 1) == (setup.ring.newest_block.number, setup.bus.attempts)
        await poller.live()
        await poller.send(tick("BTCUSDT", 6))
        assert [("live", "")] == setup.statuses
        assert (0, 1) == (setup.ring.newest_block.number, setup.bus.attempts)
        run.cancel()

    run_virtual(main())


@pytest.mark.parametrize("layout", [UNSET, BatchLayout(version=1, partitions=3)])
def test_what_was_assumed_of_a_history_gives_way_to_what_is_announced(layout: BatchLayout | UnsetType) -> None:
    """A poller that publishes in another way than its bus's history suggests is followed."""

    async def main() -> None:
        setup = Setup(bus=KeepingBus())
        run = asyncio.create_task(setup.feed.run())
        await asyncio.sleep(0.1)
        setup.bus.partitions = 3
        poller = BatchPoller(setup, 3, channels=True)
        poller.layout = layout
        await poller.live()
        await poller.send(tick("BTCUSDT", 1))
        assert [("BTCUSDT", 1)] == passed(setup)
        assert [("live", "")] == setup.statuses
        assert ("tick.BTCUSDT" in topics(setup)) == (layout is UNSET)
        run.cancel()

    run_virtual(main())
