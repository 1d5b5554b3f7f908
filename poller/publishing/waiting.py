"""Waiting for an event, and not for ever."""

import asyncio


async def wait_until(event: asyncio.Event, until: float) -> bool:
    """Wait for ``event``, but not past ``until`` (the event loop's time); return whether it is set."""
    try:
        async with asyncio.timeout_at(until):
            await event.wait()
    except TimeoutError:
        pass
    return event.is_set()
