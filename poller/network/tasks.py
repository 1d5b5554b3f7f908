"""Waits for the first of several coroutines."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from market.process.tasks import end

T = TypeVar("T")


async def first_of(*coroutines: Coroutine[Any, Any, T]) -> T:
    """Run all until one returns or raises; cancel the others, wait for their end, and pass on the outcome."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*tasks)
        for task in tasks:
            # The others' outcomes do not matter; asyncio would complain that they were never retrieved.
            task.cancelled() or task.exception()
    # In the order of the arguments, so that the outcome is not random when two end at once.
    return next(task for task in tasks if task in done).result()
