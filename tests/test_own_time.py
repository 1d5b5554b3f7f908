"""A clock that does not count what the machine did for others."""

import asyncio
import time
from collections.abc import Coroutine

from tests.own_time import OwnTimeLoop


def test_who_is_held_up_loses_no_time() -> None:
    """What stands still does not age: a timeout that ran out on the machine's clock only has not run out."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(0.1):
            before = loop.time()
            time.sleep(0.2)  # noqa: ASYNC251 - as if another program had the core
            assert loop.time() - before < 0.1
            await asyncio.sleep(0.01)

    run(scene())


def test_work_and_waiting_count() -> None:
    """A sleep takes as long as it says, and computing takes time too."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        real, began = time.monotonic(), loop.time()
        await asyncio.sleep(0.05)
        assert 0.05 <= loop.time() - began <= time.monotonic() - real
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        assert 0.1 <= loop.time() - began

    run(scene())


def test_what_comes_from_elsewhere_is_waited_for_and_ends_the_wait() -> None:
    """A timer that is far away does not hold up what arrives, and what is waited for without a timer counts too."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_later(60, print)
        await asyncio.to_thread(time.sleep, 0.05)
        assert 0.04 <= loop.time() - began < 60

    run(scene())


def run(scene: Coroutine[None, None, None]) -> None:
    """Run a scene on such a loop."""
    with asyncio.Runner(loop_factory=OwnTimeLoop) as runner:
        runner.run(scene)
