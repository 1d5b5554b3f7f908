"""Waiting for an event, on a virtual clock."""

import asyncio

from poller.publishing.waiting import wait_until
from tests.fakes import run_virtual


def test_it_ends_with_the_event_or_with_the_time() -> None:
    """It says which."""

    async def scene() -> None:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        due = loop.time() + 5
        assert not await wait_until(event, due)
        assert due == loop.time()
        loop.call_later(1, event.set)
        assert await wait_until(event, due + 5)
        assert due + 1 == loop.time()
        assert await wait_until(event, due)

    run_virtual(scene())
