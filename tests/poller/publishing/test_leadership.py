"""One poller's claim to the lead."""

import logging

import pytest

from market.bus import BusDownError, LeaseLostError, Token
from market.bus.memory import MemoryBus
from poller.publishing.leadership import Lead
from poller.publishing.sequencer import Sequencer
from tests.market.bus.using import publish
from tests.market.samples import tick

NOW_MS = 1_700_000_000_000


class FailingBus(MemoryBus):
    """A bus that is down for the roles' methods of these names."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()

    async def stand_by(self, lease: str, owner: str, ttl_s: float) -> None:
        self._ask("stand_by")
        await super().stand_by(lease, owner, ttl_s)

    async def take_stand_by(self, lease: str) -> str | None:
        self._ask("take_stand_by")
        return await super().take_stand_by(lease)

    async def acquire(self, lease: str, owner: str, ttl_s: float) -> Token | None:
        self._ask("acquire")
        return await super().acquire(lease, owner, ttl_s)

    async def release(self, token: Token) -> None:
        self._ask("release")
        await super().release(token)

    async def read_all(self, prefix: str, *, max_bytes: int) -> dict[str, bytes]:
        self._ask("read_all")
        return await super().read_all(prefix, max_bytes=max_bytes)

    def _ask(self, name: str) -> None:
        if name in self.down:
            raise BusDownError("scripted")


def lead(bus: MemoryBus, owner: str) -> tuple[Lead, Sequencer]:
    """A claim by ``owner``, and the numbers it gives."""
    sequencer = Sequencer(["A1"])
    return Lead(bus, sequencer, owner=owner, now_us=lambda: NOW_MS * 1000), sequencer


async def test_a_change_of_role_is_an_event() -> None:
    """It is set when a poller begins to lead or to stand by, also at its start, and by no further attempt."""
    bus = MemoryBus()
    (first, _), (second, _) = lead(bus, "first"), lead(bus, "second")
    for its in (first, second):
        assert not its.role_changed.is_set()
        for is_news in (True, False):
            await its.take(fit=True)
            assert is_news == its.role_changed.is_set()
            its.role_changed.clear()
    await first.release()
    for its in (second, first):
        await its.take(fit=True)
        assert its.role_changed.is_set()


async def test_one_leads() -> None:
    """The first to take the lease keeps it; the other gets it when it is released."""
    bus = MemoryBus()
    (first, _), (second, _) = lead(bus, "first"), lead(bus, "second")
    assert [True, True, False] == [await its.take(fit=True) for its in (first, first, second)]
    token = first.token
    await publish(bus, [tick("A1", 1)], token=first.token)
    await second.release()
    assert not await second.take(fit=True)
    await first.release()
    assert await second.take(fit=True)
    with pytest.raises(LeaseLostError):
        await publish(bus, [tick("A1", 2)], token=token)
    assert not await first.take(fit=True)


@pytest.mark.parametrize("leads", [True, False])
async def test_numbers_follow_what_was_published(leads: bool) -> None:
    """Leading or standing by, each attempt reads the last values."""
    bus = MemoryBus()
    await publish(bus, [tick("A1", NOW_MS + 500)])
    other, _ = lead(bus, "other")
    if not leads:
        await other.take(fit=True)
    subject, sequencer = lead(bus, "we")
    assert leads == await subject.take(fit=True)
    assert NOW_MS + 501 == sequencer.take("A1")


async def test_successor() -> None:
    """A successor is another fit poller that stands by; each of its attempts is seen once."""
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


@pytest.mark.parametrize("name", ["acquire", "read_all", "stand_by"])
async def test_taking_on_a_bus_that_is_down(name: str) -> None:
    """A poller that cannot take the lease, or read the last values, does not lead."""
    bus = FailingBus()
    (first, _), (second, _) = lead(bus, "first"), lead(bus, "second")
    await first.take(fit=True)
    bus.down.add(name)
    with pytest.raises(BusDownError):
        await second.take(fit=True)


async def test_giving_up_on_a_bus_that_is_down() -> None:
    """A lease that cannot be released expires, and an unknown successor counts as none: neither is an error."""
    bus = FailingBus()
    bus.down |= {"release", "take_stand_by"}
    subject, _ = lead(bus, "we")
    assert await subject.take(fit=True)
    await subject.release()
    assert not await subject.has_successor()


async def test_each_change_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Standing by, and leading after it, are logged when they begin; leading from the start is not."""
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


async def test_each_venue_has_its_leader() -> None:
    """Pollers of two venues lead side by side; two of one venue do not."""
    bus = MemoryBus()

    def claim(owner: str, venue: str) -> Lead:
        return Lead(bus, Sequencer(["A1"]), owner=owner, now_us=lambda: NOW_MS * 1_000, venue=venue)

    one, other, second = claim("one", "binance"), claim("other", "coinbase"), claim("second", "coinbase")
    assert [True, True, False] == [await its.take(fit=True) for its in (one, other, second)]
    assert ("poller", "poller.coinbase") == (one.token.lease, other.token.lease)
    assert not await one.has_successor()
    assert await other.has_successor()
