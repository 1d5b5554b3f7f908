"""Periodic work that is due together."""

import asyncio

from hypothesis import given
from hypothesis.strategies import floats

from market.process.cadence import Cadence
from tests.fakes import run_virtual


class Timer:
    """A timer that is set by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@given(floats(0, 1e6), floats(0, 1e4), floats(0.01, 60))
def test_work_is_due_at_multiples_of_its_period(began_at: float, later_s: float, period_s: float) -> None:
    """Never at once, and never after more than a tenth of a period beyond a whole one."""
    timer = Timer(began_at)
    cadence = Cadence(timer)
    timer.now += later_s
    wait_s = cadence.wait_s(period_s)
    assert period_s / 10 < wait_s <= 1.1 * period_s
    periods = (timer.now + wait_s - began_at) / period_s
    assert abs(periods - round(periods)) < 1e-4


def test_work_of_several_kinds_is_done_at_the_same_times() -> None:
    """Whenever each began, and however long it takes."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        cadence, times = Cadence(loop.time), set[float]()

        async def work(begins_s: float, period_s: float, takes_s: float) -> None:
            await asyncio.sleep(begins_s)
            while True:
                await asyncio.sleep(cadence.wait_s(period_s))
                times.add(round(loop.time(), 6))
                await asyncio.sleep(takes_s)

        works = [asyncio.create_task(work(*one)) for one in ((0, 0.25, 0.01), (0.1, 0.25, 0), (0.6, 1, 0.3))]
        await asyncio.sleep(10.1)
        assert len(times) == 40
        for one in works:
            one.cancel()

    run_virtual(scene())


def test_a_timer_that_fires_early_does_not_fire_twice() -> None:
    """Event loops count in milliseconds."""
    timer = Timer(5.0)
    cadence = Cadence(timer)
    timer.now = 5.9996
    assert 1.0004 == round(cadence.wait_s(1), 6)
