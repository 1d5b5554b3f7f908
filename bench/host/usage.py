"""What did the server, the rest of the bench, and everybody else use of the two cores?"""

import time
from collections.abc import Iterable

from msgspec import Struct

from bench.host import machine
from bench.result import Result

DISTURBED = 0.1
"""More of a core than this for others, and a figure is not to be relied on. Less is lost in ``/proc/stat``, which
only looks 250 times a second at who is running."""


class Usage(Struct, frozen=True):
    """The usage of all at one moment, or between two moments."""

    at: float
    """Seconds."""
    cpu_s: float
    writes: int
    """CPU seconds of the server, as `cpu_s`."""
    load_cpu_s: float
    """CPU seconds of all our other processes."""
    server_core: machine.CoreTime
    load_core: machine.CoreTime
    front_cpu_s: float = 0.0
    """CPU seconds of HAProxy in front of the server; ``cpu_s`` includes them."""

    def since(self, earlier: "Usage") -> "Usage":
        """The difference of two readings."""
        return Usage(
            at=self.at - earlier.at,
            cpu_s=self.cpu_s - earlier.cpu_s,
            writes=self.writes - earlier.writes,
            load_cpu_s=self.load_cpu_s - earlier.load_cpu_s,
            server_core=self.server_core.since(earlier.server_core),
            load_core=self.load_core.since(earlier.load_core),
            front_cpu_s=self.front_cpu_s - earlier.front_cpu_s,
        )

    @property
    def others_on_server_core(self) -> float:
        """CPU seconds that neither the server nor idleness had of the server's core."""
        return self.server_core.busy + self.server_core.stolen - self.cpu_s

    @property
    def others_on_load_core(self) -> float:
        """CPU seconds of the other core that none of our processes used."""
        return self.load_core.busy + self.load_core.stolen - self.load_cpu_s


def read(server: int, ours: Iterable[int], cores: machine.Cores, front: int | None = None) -> Usage:
    """The usage of all until now; ``server``, ``ours`` and ``front`` are process ids.

    Children of the server count as ours: NATS has its own bridge to the bus. ``front`` is on the server's core.
    """
    front_cpu_s = 0.0 if front is None else machine.cpu_s(front)
    return Usage(
        at=time.monotonic(),
        cpu_s=machine.cpu_s(server) + front_cpu_s,
        writes=machine.writes(server),
        load_cpu_s=sum(machine.cpu_s(pid) for pid in (*ours, *machine.children(server))),
        server_core=machine.core_time(cores.server),
        load_core=machine.core_time(cores.load),
        front_cpu_s=front_cpu_s,
    )


def note_others(result: Result, used: Usage, cores: machine.Cores) -> None:
    """Record how much of the cores other programs used, with a note if it was too much."""
    if cores.shared:
        return
    on_server, on_load = used.others_on_server_core / used.at, used.others_on_load_core / used.at
    result.disturbance = max(result.disturbance, on_server, on_load)
    if result.disturbance > DISTURBED:
        result.notes.append(f"DISTURBED: others had {on_server:.0%} of the server's core, {on_load:.0%} of the other")
