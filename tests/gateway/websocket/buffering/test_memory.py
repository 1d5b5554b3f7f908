"""What share of the memory may be kept for clients."""

import os
from pathlib import Path

from gateway.websocket.buffering.memory import memory_bytes, share_for_clients

MIB = 1024 * 1024


def limit(folder: Path, text: str) -> tuple[Path, ...]:
    """Write a file as the kernel shows a group's limit."""
    path = folder / "memory.max"
    path.write_text(text)
    return (path,)


def test_a_container_has_less_than_its_machine(tmp_path: Path) -> None:
    """A container's own memory limit counts; a missing or unreadable file is no limit."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 64 * MIB == memory_bytes(limit(tmp_path, f"{64 * MIB}\n"))
    assert machine == memory_bytes(limit(tmp_path, "max\n"))
    assert machine == memory_bytes((tmp_path / "none",))
    assert machine == memory_bytes(limit(tmp_path, str(machine * 2)))


def test_the_share_has_a_floor_and_a_ceiling(tmp_path: Path) -> None:
    """The budget is a sixteenth of memory, with a minimum and a maximum."""
    assert 32 * MIB == share_for_clients(limit(tmp_path, str(64 * MIB)))
    share = share_for_clients(())
    assert 32 * MIB <= share <= 512 * MIB
    assert min(share, 60 * MIB) == share_for_clients(limit(tmp_path, str(960 * MIB)))
