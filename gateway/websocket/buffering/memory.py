"""How much memory there is for this process, and what share of it may be kept for clients."""

import os
from pathlib import Path
from typing import Final

_SHARE: Final = 1 / 16
"""Four gateways and all else share a machine."""

_LEAST_BYTES: Final = 32 * 1024 * 1024
_MOST_BYTES: Final = 512 * 1024 * 1024

_CONTAINER: Final = (
    Path("/sys/fs/cgroup/memory.max"),  # cgroup v2
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # cgroup v1
)
"""Where a container finds its own limit."""


def share_for_clients(limits: tuple[Path, ...] = _CONTAINER) -> int:
    """Bytes that may be kept for clients that do not read, where the settings do not say."""
    share = int(memory_bytes(limits) * _SHARE)
    return min(max(share, _LEAST_BYTES), _MOST_BYTES)


def memory_bytes(limits: tuple[Path, ...] = _CONTAINER) -> int:
    """The machine's memory, or the container's where that is less; the files ``limits`` say the latter."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in limits:
        try:
            # "max" where there is no limit.
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return min(found)
