"""The memory of this process, and the share of it that may be kept for clients."""

import os
from pathlib import Path
from typing import Final

_SHARE: Final = 1 / 16
"""Four gateways and everything else share a machine."""

_LEAST_BYTES: Final = 32 * 1024 * 1024
_MOST_BYTES: Final = 512 * 1024 * 1024

_CONTAINER: Final = (
    Path("/sys/fs/cgroup/memory.max"),  # cgroup v2
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # cgroup v1
)
"""The files with a container's own limit."""


def share_for_clients(limits: tuple[Path, ...] = _CONTAINER) -> int:
    """Bytes that may be kept for clients that do not read, if the settings give no number."""
    share = int(memory_bytes(limits) * _SHARE)
    return min(max(share, _LEAST_BYTES), _MOST_BYTES)


def memory_bytes(limits: tuple[Path, ...] = _CONTAINER) -> int:
    """The machine's memory, or the container's if that is less, as the files ``limits`` say."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in limits:
        try:
            # "max" means no limit.
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return min(found)
