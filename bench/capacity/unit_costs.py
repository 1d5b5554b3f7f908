"""What one piece of work costs on one machine: kept in ``unit_costs.json``, measured by ``--measure``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.capacity.work import Work

FILE = Path(__file__).with_name("unit_costs.json")


class Costs(Struct, kw_only=True, omit_defaults=True):
    """The costs of one program."""

    us: dict[str, float] = {}
    """Kind of work → CPU microseconds; see `bench.capacity.work`. ``process`` is for each second that it runs."""
    gateway_us: dict[str, float] = {}
    """Of a front or a bus: costs of the gateways there that are others than straight, on Redis. Whoever reads wakes up
    elsewhere; a client of another bus has other work."""
    kb_per_connection: float | None = None
    """Resident memory of the program; what the kernel keeps comes on top."""
    process_mb: float | None = None
    """Resident memory without connections."""
    files_per_connection: int = 1
    measured_by: str = ""
    """The command that measured it; empty where nobody has, and then there are no figures of its CPU."""
    like: str = ""
    """The same program as that one, with the same costs."""

    @property
    def is_known(self) -> bool:
        """Whether it was measured."""
        return bool(self.us)

    def cores(self, work: Work) -> float:
        """The CPU seconds of ``work`` that is done each second."""
        return sum(self.us.get(kind, 0.0) * count for kind, count in work.items()) / 1e6


class UnitCosts(Struct, kw_only=True):
    """All of one machine."""

    machine: dict[str, str]
    when: str
    bytes_per_tick: float
    """On the wire to a client: JSON and the frame's header."""
    bus_bytes_per_tick: float
    """On the wire from the bus to a gateway."""
    kernel_kb_per_connection: float
    """What the kernel keeps for one end of an idle connection."""
    poller_us_per_update: float
    gateway: Costs
    fronts: dict[str, Costs]
    buses: dict[str, Costs]

    def front(self, name: str) -> Costs:
        """The costs of a front."""
        return _found(self.fronts, name)

    def gateway_behind(self, front: str, bus: str = "redis") -> Costs:
        """The costs of a gateway behind a front, or straight, and on a bus."""
        there = {**self.bus(bus).gateway_us, **self.front(front).gateway_us}
        return msgspec.structs.replace(self.gateway, us={**self.gateway.us, **there})

    def bus(self, name: str) -> Costs:
        """The costs of a bus."""
        return _found(self.buses, name)


def _found(costs: Mapping[str, Costs], name: str) -> Costs:
    found = costs[name]
    return costs[found.like] if found.like else found


UNMEASURED_FRONTS: Final[Mapping[str, Costs]] = {
    "direct": Costs(like="straight", files_per_connection=0),
    "nginx": Costs(files_per_connection=2),
    "envoy": Costs(files_per_connection=2),
}
UNMEASURED_BUSES: Final[Mapping[str, Costs]] = {
    "sentinel": Costs(like="redis"),
    "valkey-cluster": Costs(like="redis"),
    "kafka": Costs(),
}
"""What stands here until it is measured. Sentinel and cluster are the same program as one Redis."""


def completed(measured: UnitCosts, before: UnitCosts | None) -> UnitCosts:
    """``measured``, and for what was not measured now the costs of ``before`` if its machine is the same."""
    same = before is not None and before.machine.get("cpu") == measured.machine.get("cpu")
    fronts = {**UNMEASURED_FRONTS, **(before.fronts if before is not None and same else {}), **measured.fronts}
    buses = {**UNMEASURED_BUSES, **(before.buses if before is not None and same else {}), **measured.buses}
    return msgspec.structs.replace(measured, fronts=fronts, buses=buses)


def load(file: Path = FILE) -> UnitCosts:
    """Read them.

    Raises:
        OSError: there is no such file.
        msgspec.ValidationError: it holds something else.
    """
    return msgspec.json.decode(file.read_bytes(), type=UnitCosts)


def save(costs: UnitCosts, file: Path = FILE) -> None:
    """Write them."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(costs)) + b"\n")
