"""Running things together."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from market.process.tasks import end

T = TypeVar("T")


async def first_of(*coroutines: Coroutine[Any, Any, T]) -> T:
    """Run all until one returns or raises; cancel the others, wait for their end, and pass on what came."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*tasks)
        for task in tasks:
            # Of those that lost, nobody wants to know how they ended; asyncio would complain that nobody asked.
            task.cancelled() or task.exception()
    # In the order of the arguments, so that the outcome does not hang on chance when two end at once.
    return next(task for task in tasks if task in done).result()
