"""A keeper that undoes a fault, whatever becomes of the program that made it."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def undone(script: str) -> AsyncIterator[None]:
    """Run ``script`` (sh) at the end of the block, or of this process, also after ``kill -9``.

    It runs in a process of its own, in a session of its own, which waits for the end of its input.
    """
    keeper = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", f"trap '' INT TERM HUP\ncat >/dev/null\n{script}",
        stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert keeper.stdin is not None
    try:
        yield
    finally:
        keeper.stdin.close()
        # Whoever interrupts this must not leave before it is done.
        await asyncio.shield(keeper.wait())
