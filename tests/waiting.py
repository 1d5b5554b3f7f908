"""Waiting for what has no event of its own."""

import asyncio
from collections.abc import Callable

HANGS_AFTER_S = 20.0
"""What takes this long never comes: much more than anything promised, on a machine that does other things too."""


async def until(condition: Callable[[], object], within_s: float = HANGS_AFTER_S) -> None:
    """Return as soon as ``condition`` holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - counters and files set no event
            await asyncio.sleep(0.002)
