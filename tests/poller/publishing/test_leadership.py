"""One poller's claim to the lead."""

import logging
from collections.abc import Iterable

import pytest

from market.bus import BusDownError, Lease, LeaseLostError
from market.bus.memory import MemoryBus
from poller.publishing.leadership import Lead
from poller.publishing.sequencer import Numbering
from tests.market.samples import tick

NOW_MS = 1_700_000_000_000


class FailingBus(MemoryBus):
    """A bus that answers some questions, and is down for those of these names."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        self._ask("put")
        await super().put(key, value, ttl_s)

    async def take(self, key: str) -> bytes | None:
        self._ask("take")
        return await super().take(key)

    async def hold(self, lease: Lease) -> bool:
        self._ask("hold")
        return await super().hold(lease)

    async def release(self, lease: Lease) -> None:
        self._ask("release")
        await super().release(lease)

    async def last_values(self, symbols: Iterable[str] | None = None) -> dict[str, bytes]:
        self._ask("last_values")
        return await super().last_values(symbols)

    def _ask(self, name: str) -> None:
        if name in self.down:
            raise BusDownError("scripted")


def lead(bus: MemoryBus, owner: str) -> tuple[Lead, Numbering]:
    """A claim by ``owner``, and the numbers it gives."""
    numbering = Numbering(["A1"])
    return Lead(bus, numbering, owner=owner, now_us=lambda: NOW_MS * 1000), numbering


async def test_one_leads() -> None:
    """The first to take the lead has it, again and again, and the other when it is released."""
    bus = MemoryBus()
    (first, _), (second, _) = lead(bus, "first"), lead(bus, "second")
    assert [True, True, False] == [await its.take(fit=True) for its in (first, first, second)]
    await bus.publish([tick("A1", 1)], lease=first.lease)
    with pytest.raises(LeaseLostError):
        await bus.publish([tick("A1", 2)], lease=second.lease)
    await second.release()
    assert not await second.take(fit=True)
    await first.release()
    assert await second.take(fit=True)
    assert not await first.take(fit=True)


@pytest.mark.parametrize("leads", [True, False])
async def test_numbers_follow_what_was_published(leads: bool) -> None:
    """Leading or standing by, each try learns what was published."""
    bus = MemoryBus()
    await bus.publish([tick("A1", NOW_MS + 500)])
    other, _ = lead(bus, "other")
    if not leads:
        await other.take(fit=True)
    subject, numbering = lead(bus, "we")
    assert leads == await subject.take(fit=True)
    assert NOW_MS + 501 == numbering.take("A1")


async def test_successor() -> None:
    """A successor is another one that stands by and hears the exchange, seen once for each time it tried."""
    bus = MemoryBus()
    (first, _), (second, _) = lead(bus, "first"), lead(bus, "second")
    await first.take(fit=True)
    assert not await first.has_successor()
    await second.take(fit=False)
    assert not await first.has_successor()
    await second.take(fit=True)
    assert [True, False] == [await first.has_successor() for _ in range(2)]
    await second.take(fit=True)
    await first.release()
    await second.take(fit=True)
    # What it left when it stood by is its own.
    assert not await second.has_successor()


@pytest.mark.parametrize("name", ["hold", "last_values", "put"])
async def test_taking_on_a_bus_that_is_down(name: str) -> None:
    """Who cannot hold the lease, or learn what was published, does not lead."""
    bus = FailingBus()
    (first, _), (second, _) = lead(bus, "first"), lead(bus, "second")
    await first.take(fit=True)
    bus.down.add(name)
    with pytest.raises(BusDownError):
        await second.take(fit=True)


async def test_giving_up_on_a_bus_that_is_down() -> None:
    """A lease that cannot be released runs out, and a successor that cannot be seen is none: neither is an error."""
    bus = FailingBus()
    bus.down |= {"release", "take"}
    subject, _ = lead(bus, "we")
    await subject.release()
    assert not await subject.has_successor()


async def test_each_change_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Standing by, and leading after it, are logged when they begin; leading from the start goes without saying."""
    bus = MemoryBus()
    (first, _), (second, _) = lead(bus, "first"), lead(bus, "second")
    caplog.set_level(logging.DEBUG, "poller")
    for its in (first, second, first, second):
        await its.take(fit=True)
    first.lost()
    for _ in range(2):
        await first.take(fit=True)
    await first.release()
    for its in (second, first, second):
        await its.take(fit=True)
    words = [record.getMessage().split(":")[0] for record in caplog.records]
    assert ["standing by", "leading", "leading", "standing by"] == words
