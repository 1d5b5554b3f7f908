"""From what is wanted to what it takes: gateways, bus and front for many clients.

`work` counts what is done, `unit_costs` says what that costs, this adds it up. The arithmetic in words is in
``docs/capacity.md``.
"""

import math
from dataclasses import dataclass, replace

from msgspec import Struct

from bench.capacity import work
from bench.capacity.unit_costs import Costs, UnitCosts
from bench.capacity.work import Load

SEGMENT_BYTES = 1448
"""Payload of a TCP segment with timestamps, in an Ethernet frame."""
HEADERS_BYTES = 66
"""Ethernet, IPv4 and TCP with timestamps."""
FILES_MOST = 1_000_000
"""Open files that Linux lets a process have (``fs.nr_open``)."""
FILES_BESIDE = 64
"""Files of a process that are no clients'."""
PORTS = 28_000
"""Ports that one address of a front has for connections to one gateway."""

_BY_SYMBOL = ("redis", "sentinel")
"""Where each tick is on its symbol's channel too, unless ``BUS_SYMBOL_CHANNELS`` says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is wanted."""

    clients: int
    symbols: int
    """Symbols that a client holds."""
    of: int
    """Symbols of the feed."""
    updates: float
    """Updates of each symbol per second."""
    at_once: float = 10.0
    """Ticks that the poller publishes at once."""
    max_hz: float = 0.0
    bus: str = "redis"
    front: str = "haproxy"
    partitions: int = 1
    batched: bool = True
    symbol_channels: bool = True
    utilisation: float = 0.5
    """The share of a core that a process may use; above half a core a gateway begins to rest."""
    clients_per_gateway: int = 15_000
    front_cores: int = 8
    """Cores of each front: HAProxy's threads."""
    lost_share: float = 0.1
    """The share of the gateways that may be lost at once."""


class Part(Struct):
    """What one part of the system takes. None: not known."""

    name: str
    processes: int
    cores: float | None
    """CPU time per second, all processes together."""
    memory_gb: float | None
    files: int
    """Open files of each process."""
    out_mbit_s: float
    """What leaves it, all processes together."""


class Plan(Struct):
    """The answer."""

    ticks_per_s: float
    """Ticks that come in."""
    ticks_per_client_s: float
    writes_per_client_s: float
    ticks_out_per_s: float
    clients_per_gateway: float
    gateway_share: float
    """The share of a core that each gateway uses."""
    parts: list[Part]
    returning_per_s: float
    """Connects per second at each gateway that is left if `Question.lost_share` of them are lost: the bound."""
    returning_share: float
    """The share of a core that so many connects take."""
    remarks: list[str]


def answer(question: Question, costs: UnitCosts) -> Plan:
    """What ``question`` takes on the machine of ``costs``."""
    remarks: list[str] = []
    links = min(question.partitions, 3) if question.bus in ("valkey-cluster", "kafka") else 1
    one = Load(
        clients=1,
        gateways=1,
        each=min(question.symbols, question.of),
        symbols=question.of,
        ticks_per_s=question.of * question.updates,
        burst=max(1.0, min(question.at_once, question.of * question.updates)),
        alike=question.symbols >= question.of,
        max_hz=question.max_hz,
        batched=question.batched,
        symbol_channels=question.symbol_channels and question.bus in _BY_SYMBOL,
        partitions=question.partitions,
        links=links,
    )
    behind = costs.gateway_behind(question.front, question.bus)
    gateways = _gateways(question, behind, one, remarks)
    load = replace(one, clients=question.clients, gateways=gateways)
    gateway_cores = behind.cores(work.of_gateways(load))
    lost = max(1, round(gateways * question.lost_share)) if gateways > 1 else 0
    returning = 2 * lost * question.clients / gateways / max(1, gateways - lost) + 10
    ticks_out = load.ticks_per_client_s * question.clients
    plan = Plan(
        ticks_per_s=load.ticks_per_s,
        ticks_per_client_s=load.ticks_per_client_s,
        writes_per_client_s=load.writes_per_client_s,
        ticks_out_per_s=ticks_out,
        clients_per_gateway=question.clients / gateways,
        gateway_share=gateway_cores / gateways,
        parts=[],
        returning_per_s=returning,
        returning_share=returning * behind.us.get("connect", 0.0) / 1e6,
        remarks=remarks,
    )
    to_clients = _mbit_s(ticks_out * costs.bytes_per_tick, load.writes_per_client_s * question.clients)
    plan.parts.append(
        Part(
            name="poller",
            processes=1,
            cores=load.ticks_per_s * costs.poller_us_per_update / 1e6,
            memory_gb=None,
            files=FILES_BESIDE,
            out_mbit_s=_mbit_s(load.ticks_per_s * costs.bus_bytes_per_tick, load.published_per_s),
        )
    )
    plan.parts.append(_bus(question, costs, load, remarks))
    plan.parts.append(
        Part(
            name="gateways",
            processes=gateways,
            cores=gateway_cores,
            memory_gb=_memory_gb(costs.gateway, gateways, question.clients, costs.kernel_kb_per_connection),
            files=math.ceil(question.clients / gateways) + FILES_BESIDE,
            out_mbit_s=to_clients,
        )
    )
    if question.front not in ("straight", "direct"):
        plan.parts.append(_front(question, costs, load, to_clients, remarks))
    return plan


def _gateways(question: Question, behind: Costs, one: Load, remarks: list[str]) -> int:
    """How many gateways it takes, by CPU and by connections."""

    def share(gateways: int) -> float:
        """The share of a core that each of so many uses."""
        load = replace(one, clients=question.clients, gateways=gateways)
        return behind.cores(work.of_gateways(load)) / gateways

    by_connections = max(1, math.ceil(question.clients / question.clients_per_gateway))
    alone = share(question.clients)
    if alone > question.utilisation:
        feed = behind.cores(work.of_gateways(replace(one, clients=0)))
        remarks.append(
            f"The feed alone takes {feed:.0%} of each gateway's core, and one client {alone - feed:.0%}; it may use"
            f" {question.utilisation:.0%}. Publish more ticks at once (--at-once), or let clients ask for less"
            " (--conflation)."
        )
        return by_connections
    # The fewest that are enough: more gateways never use more each.
    too_few, enough = 0, question.clients
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if share(middle) <= question.utilisation else (middle, enough)
    remarks.append(
        f"{enough:,} gateways by CPU, {by_connections:,} by connections: "
        + ("CPU decides." if enough > by_connections else "connections decide.")
    )
    return max(enough, by_connections)


def _bus(question: Question, costs: UnitCosts, load: Load, remarks: list[str]) -> Part:
    bus = costs.bus(question.bus)
    cores = bus.cores(work.of_bus(load)) if bus.is_known else None
    several = question.bus in ("valkey-cluster", "kafka")
    processes = 3 if several else 1
    if cores is not None:
        if several:
            processes = max(3, math.ceil(cores / question.utilisation))
            cores += (processes - 1) * bus.us.get("process", 0.0) / 1e6
            if processes > question.partitions:
                remarks.append(f"{processes} nodes of the bus need as many partitions: --partitions {processes}.")
        elif cores > question.utilisation:
            remarks.append(
                f"The bus needs {cores:.1f} cores and has one: publish more ticks at once, in batches, or take"
                " --bus valkey-cluster with partitions."
            )
    else:
        remarks.append(f"The CPU time of {question.bus} was not measured on this machine.")
    out = load.ticks_per_s * load.gateways * costs.bus_bytes_per_tick
    return Part(
        name=f"bus ({question.bus})",
        processes=processes,
        cores=cores,
        memory_gb=None,
        files=load.gateways + FILES_BESIDE,
        out_mbit_s=_mbit_s(out, load.reads_per_s * load.gateways),
    )


def _front(question: Question, costs: UnitCosts, load: Load, to_clients: float, remarks: list[str]) -> Part:
    front = costs.front(question.front)
    files = front.files_per_connection * question.clients
    processes = math.ceil(files / FILES_MOST)
    cores = memory = None
    if front.is_known:
        cores = front.cores(work.of_front(load, costs.bytes_per_tick))
        processes = max(processes, math.ceil(cores / question.front_cores / question.utilisation))
        memory = _memory_gb(front, processes, question.clients, 2 * costs.kernel_kb_per_connection)
    else:
        remarks.append(f"The CPU time of {question.front} was not measured on this machine.")
    if question.clients / load.gateways > PORTS:
        remarks.append("A front has 28,000 ports for each gateway and address of its own: give it more addresses.")
    return Part(
        name=f"front ({question.front})",
        processes=processes,
        cores=cores,
        memory_gb=memory,
        files=math.ceil(files / processes) + FILES_BESIDE,
        out_mbit_s=to_clients,
    )


def _memory_gb(costs: Costs, processes: int, clients: int, kernel_kb: float) -> float | None:
    if costs.kb_per_connection is None or costs.process_mb is None:
        return None
    return (processes * costs.process_mb * 1024 + clients * (costs.kb_per_connection + kernel_kb)) / 2**20


def _mbit_s(payload_per_s: float, writes_per_s: float) -> float:
    """Megabits per second on the wire: payload, and the headers of its segments."""
    if not writes_per_s:
        return 0.0
    segments = math.ceil(payload_per_s / writes_per_s / SEGMENT_BYTES)
    return (payload_per_s + writes_per_s * segments * HEADERS_BYTES) * 8 / 1e6
