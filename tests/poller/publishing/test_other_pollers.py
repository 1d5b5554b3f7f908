"""What a poller says of others that publish in another number of partitions; on a virtual clock."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import UNSET, UnsetType

from market.bus import Batch, BusDownError, Receiver
from market.bus.memory import MemoryBus, MemorySubscription
from market.wire.codec import encode_heartbeat
from market.wire.status import BatchLayout, Heartbeat
from market.wire.topics import heartbeat_topic
from poller.publishing.other_pollers import LISTEN_S, OtherPollers
from tests.fakes import run_virtual


class Bus(MemoryBus):
    """A bus that counts its subscribers, and can be down."""

    def __init__(self) -> None:
        super().__init__(partitions=3)
        self.down = False
        self.history = 0
        self.asked = 0

    @property
    def listeners(self) -> int:
        return len(self._subscriptions)

    async def history_partitions(self) -> int:
        return self.history

    async def subscribe(self, topics: object, receive: Receiver) -> MemorySubscription:
        self.asked += 1
        if self.down:
            raise BusDownError("NOPERM User x has no permissions to run the 'subscribe' command")
        return await super().subscribe(topics, receive)  # type: ignore[arg-type] # whatever the subject gives

    async def heartbeat(self, partitions: int | None, venue: str = "binance") -> None:
        """A poller of ``venue`` announces so many partitions, or no batches."""
        batches: BatchLayout | UnsetType = BatchLayout(version=1, partitions=partitions) if partitions else UNSET
        beat = Heartbeat(source="simulated", link="up", since_us=1, sent_us=1, venue=venue, batches=batches)
        await self.publish(Batch(barrier=(heartbeat_topic(venue), encode_heartbeat(beat))))


@asynccontextmanager
async def listening(bus: Bus) -> AsyncIterator[asyncio.Event]:
    """The subject runs and listens; the event has it listen again."""
    role_changed = asyncio.Event()
    task = asyncio.create_task(OtherPollers(bus, role_changed).run())
    await asyncio.sleep(0.01)
    assert 0 == bus.asked
    role_changed.set()
    await asyncio.sleep(0.01)
    try:
        yield role_changed
    finally:
        task.cancel()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_another_number_is_told_once_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    """Each poller that publishes in another number of partitions is named, with both numbers and the setting."""

    async def main() -> None:
        bus = Bus()
        async with listening(bus):
            for _ in range(2):
                await bus.heartbeat(6)
                await bus.heartbeat(3)
                await bus.heartbeat(1, "coinbase")
                await bus.heartbeat(1, "coinbase")
            assert 3 == len(warnings(caplog))
            assert all("3:" in text and "BUS_PARTITIONS" in text for text in warnings(caplog))
            assert ["binance", "coinbase", "binance"] == [text.split()[3] for text in warnings(caplog)]

    run_virtual(main())


def test_the_same_number_and_older_pollers_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Our own heartbeats, those of pollers without batches, and what is no heartbeat say nothing."""

    async def main() -> None:
        bus = Bus()
        async with listening(bus):
            await bus.heartbeat(3)
            await bus.heartbeat(None)
            await bus.heartbeat(7, "elsewhere")
            await bus.publish(Batch(barrier=(heartbeat_topic("binance"), b"hello")))
        assert [] == warnings(caplog)

    run_virtual(main())


def test_it_listens_for_a_moment_after_each_change_of_its_role(caplog: pytest.LogCaptureFixture) -> None:
    """No connection is held for it meanwhile."""

    async def main() -> None:
        bus = Bus()
        async with listening(bus) as role_changed:
            assert 1 == bus.listeners
            await asyncio.sleep(LISTEN_S)
            assert (0, 1) == (bus.listeners, bus.asked)
            await asyncio.sleep(3_600)
            assert 1 == bus.asked
            role_changed.set()
            await asyncio.sleep(0.01)
            assert (1, 2) == (bus.listeners, bus.asked)
            await bus.heartbeat(6)
            await asyncio.sleep(LISTEN_S)
            assert 1 == len(warnings(caplog))

    run_virtual(main())


def test_a_bus_that_does_not_let_it_listen_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    """A user without that right costs no connection every few seconds, and is no news."""

    async def main() -> None:
        bus = Bus()
        bus.down = True
        async with listening(bus) as role_changed:
            await asyncio.sleep(3_600)
            assert 1 == bus.asked
            bus.down = False
            role_changed.set()
            await asyncio.sleep(0.01)
            await bus.heartbeat(6)
            assert 1 == len(warnings(caplog))

    run_virtual(main())


def test_a_bus_that_has_its_partitions_itself_is_not_listened_to() -> None:
    """It refuses a wrong number, and has messages of all kinds in one partition."""

    async def main() -> None:
        bus = Bus()
        bus.history = 3
        async with listening(bus):
            await asyncio.sleep(60)
            assert 0 == bus.asked

    run_virtual(main())
