"""What every part of a system has used until a moment, and what happened in a window between two moments."""

import time
from collections.abc import Iterable, Mapping

from msgspec import Struct

from bench.host import machine

PARTS = ("bus", "gateways", "front", "load")
"""``load`` is the publisher and the clients; it is no part of the system."""


class Reading(Struct, frozen=True):
    """The usage until one moment."""

    at: float
    """Seconds."""
    cpu_s: dict[str, float]
    """CPU seconds of each part."""
    writes: int
    """Calls of ``write`` by the gateways."""
    busy_s: float
    """Busy and stolen seconds of the cores that are used."""


class Window(Struct):
    """What happened between two moments."""

    seconds: float
    cpu_s: dict[str, float]
    writes: int
    others_share: float
    """The share of a core that programs other than ours had."""
    ticks_in: int = 0
    """Ticks published."""
    ticks: int = 0
    """Ticks that clients got, all together."""
    bytes: int = 0
    """Bytes that clients got."""
    pongs: int = 0
    """Pings that clients answered."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    """The worst of the client processes, each of which has its own sample."""
    max_ms: float | None = None
    failures: dict[str, int] = {}

    @property
    def system_cpu_s(self) -> float:
        """CPU seconds of bus, gateways and front together."""
        return sum(self.cpu_s[part] for part in PARTS if part != "load")


def read(pids: Mapping[str, Iterable[int]], cores: machine.Cores) -> Reading:
    """The usage of all until now."""
    used = {core: machine.core_time(core) for core in {cores.server, cores.load}}
    return Reading(
        at=time.monotonic(),
        cpu_s={part: sum(machine.cpu_s(pid) for pid in pids.get(part, ())) for part in PARTS},
        writes=sum(machine.writes(pid) for pid in pids.get("gateways", ())),
        busy_s=sum(core.busy + core.stolen for core in used.values()),
    )


def between(before: Reading, after: Reading) -> Window:
    """The window between two readings; what clients got is not in it yet."""
    seconds = after.at - before.at
    cpu_s = {part: after.cpu_s[part] - before.cpu_s[part] for part in PARTS}
    others_s = after.busy_s - before.busy_s - sum(cpu_s.values())
    return Window(
        seconds=seconds, cpu_s=cpu_s, writes=after.writes - before.writes, others_share=max(0.0, others_s / seconds)
    )
