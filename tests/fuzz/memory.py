"""How much memory a process holds."""

import gc
import os
import sys
from pathlib import Path

from msgspec import Struct

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Held(Struct, frozen=True):
    """What a process holds at one moment."""

    resident_bytes: int
    blocks: int = 0
    """Pieces of memory that Python objects take; 0 where that cannot be seen from outside."""

    def __str__(self) -> str:
        blocks = f", {self.blocks:,} blocks" if self.blocks else ""
        return f"{self.resident_bytes / 2**20:.1f} MiB resident{blocks}"


def held_here() -> Held:
    """By this process, once everything that nobody refers to is gone."""
    gc.collect()
    return Held(_resident_bytes("self"), sys.getallocatedblocks())


def held_by(pid: int) -> Held:
    """By another process."""
    return Held(_resident_bytes(str(pid)))


def _resident_bytes(process: str) -> int:
    # proc(5): the second number is the resident set in pages.
    return int(Path("/proc", process, "statm").read_text().split()[1]) * _PAGE_BYTES
