"""``python -m tests.wall_clock FILE MODULE ...``: run a module by a wall clock that is wrong by what ``FILE`` says.

It stands in for somebody who sets the machine's clock, which a test must not do. As then, monotonic time
is untouched, and the change comes in the middle of everything.
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

_SECONDS = struct.Struct("=q")


class WallClock:
    """How wrong the wall clock is, shared with every process that was started with the same file."""

    def __init__(self, path: Path) -> None:
        """Make the file where there is none; the clock is then right."""
        if not path.exists():
            path.write_bytes(_SECONDS.pack(0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _SECONDS.size)

    @property
    def wrong_by_s(self) -> int:
        """Seconds by which everybody's clock is ahead of the true one."""
        (seconds,) = _SECONDS.unpack_from(self._shared)
        return int(seconds)

    @wrong_by_s.setter
    def wrong_by_s(self, seconds: int) -> None:
        _SECONDS.pack_into(self._shared, 0, seconds)

    def install(self) -> None:
        """Let ``time.time`` and ``time.time_ns`` of this process follow it."""
        true_ns = time.time_ns

        def time_ns() -> int:
            return true_ns() + self.wrong_by_s * 1_000_000_000

        time.time_ns = time_ns
        time.time = lambda: time_ns() / 1e9


if __name__ == "__main__":
    _, file, module, *arguments = sys.argv
    WallClock(Path(file)).install()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
