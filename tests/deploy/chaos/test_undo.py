"""The keeper, of a program that ends as it likes."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from deploy.chaos.undo import undone
from tests.waiting import until

PROGRAM = """
import asyncio, sys
from deploy.chaos.undo import undone

async def main():
    async with undone(f"touch {sys.argv[1]}"):
        print("made", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_what_is_to_be_undone_is_undone_at_the_end(tmp_path: Path) -> None:
    """Not before, and before the block is left."""
    done = tmp_path / "done"
    async with undone(f"touch {done}"):
        assert not done.exists()
    assert done.exists()


async def test_it_is_undone_too_if_the_program_is_killed(tmp_path: Path) -> None:
    """Nobody can catch that; the keeper, which is another process, sees the end of its input."""
    done = tmp_path / "done"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(done), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert b"made\n" == await process.stdout.readline()
    assert not done.exists()
    os.killpg(process.pid, signal.SIGKILL)
    await until(done.exists)
    await process.wait()
