"""How late the event loop is, on a virtual clock."""

import asyncio

from market.metrics.loop_lag import EVERY_S, LoopLag
from market.process.cadence import Cadence
from tests.fakes import run_virtual


def test_a_loop_that_has_time_is_not_late() -> None:
    """It is asked four times a second."""

    async def scene() -> None:
        lag = LoopLag(Cadence(asyncio.get_running_loop().time))
        measuring = asyncio.create_task(lag.run())
        await asyncio.sleep(100.5 * EVERY_S)
        assert (100, 0) == (lag.histogram.count, round(lag.histogram.total, 3))
        measuring.cancel()
        await asyncio.sleep(10 * EVERY_S)
        assert 100 == lag.histogram.count

    run_virtual(scene())


async def test_what_holds_it_up_shows() -> None:
    """For as long as it lasted."""
    lag = LoopLag(Cadence(asyncio.get_running_loop().time))
    measuring = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    until = loop.time() + 2 * EVERY_S
    while loop.time() < until:
        pass
    await asyncio.sleep(EVERY_S)
    measuring.cancel()
    assert lag.histogram.total >= 0.9 * EVERY_S
