"""How a process makes itself known."""

import asyncio

import pytest

from market.bus import BusDownError, NoStoreError
from market.bus.memory import MemoryBus
from market.wire import announcing
from market.wire.announcing import Announcer, Rates
from market.wire.presence import AnyPresent, decode_presents
from tests.market.samples import poller_present
from tests.waiting import until


class Faulty(MemoryBus):
    """A bus that refuses what is announced while it has an error."""

    error: Exception | None = None

    async def announce(self, name: str, value: bytes, ttl_s: float) -> None:
        if self.error is not None:
            raise self.error
        await super().announce(name, value, ttl_s)


async def test_it_is_there_while_it_runs_and_says_why_if_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says the newest each time, goes on after faults, and takes its leave."""
    monkeypatch.setattr(announcing, "EVERY_S", 0.01)
    bus, said = Faulty(), [0]

    def make(announcer: Announcer) -> AnyPresent:
        said[0] += 1
        return poller_present(**announcer.base(), symbols=said[0])

    bus.error = BusDownError("no answer")
    announcer = Announcer(bus, make, now_us=lambda: 7)
    running = asyncio.create_task(announcer.run())
    await until(lambda: announcer.problem)
    assert "the bus does not take what this process says of itself: no answer" == announcer.problem
    bus.error = NoStoreError("name a store")
    await until(lambda: announcer.problem == "name a store")
    bus.error = None
    await until(lambda: not announcer.problem)
    before = said[0]
    await until(lambda: said[0] > before + 2)
    [present] = decode_presents(await bus.present())
    assert (announcer.name, 7, 7) == (present.name, present.started_us, present.sent_us)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert {} == await bus.present()


def test_rates_are_of_the_time_since_they_were_asked_for() -> None:
    """The first is nought: nobody knows since when the count grew."""
    now = [10.0]
    rates = Rates(lambda: now[0])
    assert {"ticks": 0} == rates.take(ticks=1000)
    now[0] += 2
    assert {"ticks": 150, "cpu": 0} == rates.take(ticks=1300, cpu=5)
    now[0] += 4
    assert {"ticks": 0, "cpu": 0.5} == rates.take(ticks=1300, cpu=7)
