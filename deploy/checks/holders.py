"""Which program listens on a port, as far as /proc tells (proc(5), Linux)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

_LISTEN: Final = "0A"
"""TCP_LISTEN of <net/tcp_states.h>."""
_PROC: Final = Path("/proc")


class Holder(Struct, frozen=True):
    """A program that listens."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def holder_of(port: int, proc: Path = _PROC) -> Holder | None:
    """Who listens on ``port``, at whatever address; None if nobody does, or it is another user's secret."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port, proc)}
    if not inodes:
        return None
    for entry in proc.iterdir():
        if entry.name.isdecimal() and _has_one(entry / "fd", inodes):
            try:
                return Holder(int(entry.name), (entry / "comm").read_text(errors="replace").strip())
            except OSError:
                continue  # it has ended since
    return None


def _listening(port: int, proc: Path) -> Iterator[str]:
    """The inodes of the sockets that listen on ``port``."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _has_one(folder: Path, sockets: set[str]) -> bool:
    try:
        for link in folder.iterdir():
            try:
                if os.readlink(link) in sockets:  # noqa: PTH115 - a descriptor's link leads to no path
                    return True
            except OSError:
                continue  # it was closed meanwhile
    except OSError:
        pass  # it has ended, or is another user's
    return False
