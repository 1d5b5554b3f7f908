"""Measure the unit costs on this machine: ``python -m bench.capacity --measure``, some three minutes."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.capacity import shapes, work
from bench.capacity.fitting import fit
from bench.capacity.unit_costs import Costs, UnitCosts
from bench.capacity.work import Work
from bench.feed.ticks import SYMBOLS
from bench.host.processes import ProcessError
from bench.measuring.measure import Bench
from bench.scenarios import ALL as SCENARIOS
from bench.scenarios import Scenario
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.rig import Rig
from bench.system.kafka import on_kafka
from bench.system.reading import Window
from bench.system.running import System

COMMAND = "python -m bench.capacity --measure"
_WARM_UP_S = 1.0
_WINDOWS = 3
"""A load is measured so often, and the window in the middle counts."""
_FIRST_PINGS_S = 3.0
"""Later than the first ping of the last client."""
_REST_S = 0.002
"""Clients look at their sockets so often: a write wakes none of them, as none is woken across a network."""
_HEARTBEATS_S = 17.0
"""Longer than from one ping of a client to the next."""
_BUS_BYTES = 45
"""Of a message of the bus with one tick, beside the tick itself: RESP's lengths, the channel's name."""

_TO_CLIENTS = ("write", "cold", "tick_out", "ping")
"""What costs a gateway something else behind a front."""
_FROM_THE_BUS = ("process", "read", "wake", "tick_in")
"""And on another bus."""

Say = Callable[[str], None]


def measure(
    bench: Bench,
    fronts: Sequence[str],
    seconds: float,
    about: dict[str, str],
    when: str,
    say: Say,
    kafka: bool = False,
) -> UnitCosts:
    """Measure all; ``fronts`` are those of `bench.system.fronts` that are to be measured, ``kafka`` whether Kafka is.

    Raises:
        ProcessError: a process did not start, answer, or stay.
    """
    runs = list(_runs(bench, shapes.STRAIGHT, "straight", seconds, say))
    quiet, connect_us, memory = _crowd(bench, "straight", say)
    loads = [work.of(scenario) for scenario, _ in runs]
    gateway = Costs(
        us={
            **fit(
                [*map(work.of_gateways, loads), work.of_gateways(work.of(shapes.CROWD))],
                [*(_per_s(window, "gateways") for _, window in runs), _per_s(quiet, "gateways")],
            ),
            "connect": connect_us["gateways"],
        },
        kb_per_connection=memory["kb"],
        process_mb=memory["process_mb"],
        measured_by=COMMAND,
    )
    bus = fit(
        [*map(work.of_bus, loads), work.of_bus(work.of(shapes.CROWD))],
        [*(_per_s(window, "bus") for _, window in runs), _per_s(quiet, "bus")],
    )
    bytes_per_tick = _bytes_per_tick(runs)
    costs = {"straight": Costs(us={"process": 0.0}, files_per_connection=0, measured_by=COMMAND)}
    for name in fronts:
        costs[name] = _front(bench, name, gateway, seconds, bytes_per_tick, say)
    buses = {"redis": Costs(us=bus, measured_by=COMMAND)}
    if kafka:
        with on_kafka(bench) as other:
            buses["kafka"] = _bus(other, gateway, seconds, say)
    return UnitCosts(
        machine=about,
        when=when,
        bytes_per_tick=bytes_per_tick,
        bus_bytes_per_tick=bytes_per_tick + _BUS_BYTES,
        kernel_kb_per_connection=memory["kernel_kb"],
        poller_us_per_update=_poller(bench),
        gateway=gateway,
        fronts=costs,
        buses=buses,
    )


def run(bench: Rig, scenario: Scenario, seconds: float) -> Window:
    """Feed the clients of one shape for ``seconds``, and return what happened.

    Raises:
        ProcessError: a process did not start, answer, or stay.
    """
    with ExitStack() as stack:
        system = System(bench, stack, scenario)
        opened = system.open()
        system.rest(_REST_S)
        system.feed()
        time.sleep(_WARM_UP_S)
        windows = [system.window(seconds / _WINDOWS) for _ in range(_WINDOWS)]
        system.stop()
        window = sorted(windows, key=lambda one: one.system_cpu_s / one.seconds)[_WINDOWS // 2]
        window.failures.update(opened.failures)
        return window


def _runs(
    bench: Rig, scenarios: Sequence[Scenario], front: str, seconds: float, say: Say
) -> Iterator[tuple[Scenario, Window]]:
    for scenario in (*scenarios, *scenarios):
        window = run(bench, replace(scenario, front=front), seconds)
        parts = ", ".join(f"{part} {share / window.seconds:.1%}" for part, share in window.cpu_s.items() if share)
        say(f"{scenario.name} ({front}): {parts} of a core; {window.ticks / window.seconds:,.0f} ticks/s")
        yield scenario, window


def _per_s(window: Window, part: str) -> float:
    """CPU microseconds per second."""
    return max(1.0, window.cpu_s[part] * 1e6 / window.seconds)


def _bytes_per_tick(runs: Sequence[tuple[Scenario, Window]]) -> float:
    many = [window for scenario, window in runs if scenario.each == len(SYMBOLS)]
    ticks = sum(window.ticks for window in many)
    if not ticks:
        raise ProcessError("no tick came to any client: the machine is too busy to measure")
    return sum(window.bytes for window in many) / ticks


def _front(bench: Rig, name: str, gateway: Costs, seconds: float, bytes_per_tick: float, say: Say) -> Costs:
    runs = list(_runs(bench, shapes.FRONTED, name, seconds, say))
    quiet, connect_us, memory = _crowd(bench, name, say)
    loads = [*(work.of(scenario) for scenario, _ in runs), work.of(shapes.CROWD)]
    us = fit(
        [work.of_front(load, bytes_per_tick) for load in loads],
        [*(_per_s(window, "front") for _, window in runs), _per_s(quiet, "front")],
    )
    works = [work.of_gateways(load) for load in loads]
    used = [_per_s(window, "gateways") for window in (*(window for _, window in runs), quiet)]
    return Costs(
        us={**us, "connect": connect_us["front"]},
        gateway_us={**_again(gateway, _TO_CLIENTS, works, used), "connect": connect_us["gateways"]},
        kb_per_connection=memory["front_kb"],
        process_mb=memory["front_mb"],
        files_per_connection=2,
        measured_by=COMMAND,
    )


def _bus(bench: Rig, gateway: Costs, seconds: float, say: Say) -> Costs:
    """Another bus than Redis, and what a gateway pays to read from it."""
    runs = list(_runs(bench, shapes.ON_KAFKA, "straight", seconds, say))
    loads = [work.of(scenario, symbol_channels=False) for scenario, _ in runs]
    used = [_per_s(window, "gateways") for _, window in runs]
    return Costs(
        us=fit([*map(work.of_bus, loads)], [_per_s(window, "bus") for _, window in runs]),
        gateway_us=_again(gateway, _FROM_THE_BUS, [*map(work.of_gateways, loads)], used),
        measured_by=COMMAND,
    )


def _again(gateway: Costs, again: Sequence[str], works: Sequence[Work], used: Sequence[float]) -> dict[str, float]:
    """The kinds ``again`` cost something else here; the rest costs what it does straight, on Redis."""
    rest = Costs(us={kind: us for kind, us in gateway.us.items() if kind not in again})
    left = [max(1.0, total - rest.cores(one) * 1e6) for one, total in zip(works, used, strict=True)]
    return fit([{kind: one[kind] for kind in again} for one in works], left)


def _crowd(bench: Rig, front: str, say: Say) -> tuple[Window, dict[str, float], dict[str, float]]:
    """Heartbeats alone; CPU microseconds of a connect; kilobytes of a connection, megabytes of a process."""
    with ExitStack() as stack:
        system = System(bench, stack, replace(shapes.ARRIVALS, front=front))
        opened = system.open(snapshots=True)
        _complain(opened)
        connect_us = {part: used * 1e6 / shapes.ARRIVALS.clients for part, used in opened.cpu_s.items()}
    with ExitStack() as stack:
        crowd = replace(shapes.CROWD, front=front)
        system = System(bench, stack, crowd)
        idle, front_idle, kernel = system.idle_rss, system.front_rss_bytes(), _kernel_bytes()
        _complain(system.open())
        time.sleep(_FIRST_PINGS_S)
        memory = {
            "kb": (system.rss_bytes() - idle) / 1024 / crowd.clients,
            "process_mb": idle / 2**20 / crowd.gateways,
            "front_kb": (system.front_rss_bytes() - front_idle) / 1024 / crowd.clients,
            "front_mb": front_idle / 2**20,
            # Each connection has two ends on this machine.
            "kernel_kb": (_kernel_bytes() - kernel) / 1024 / crowd.clients / 2,
        }
        system.rest(_REST_S)
        quiet = system.window(_HEARTBEATS_S)
    parts = ", ".join(f"{part} {used / quiet.seconds:.1%}" for part, used in quiet.cpu_s.items() if used)
    connects = ", ".join(f"{part} {us:.0f}" for part, us in connect_us.items() if us)
    say(
        f"{crowd.clients} clients ({front}): {parts} of a core; {memory['kb']:.1f} KB each; µs of a connect: {connects}"
    )
    return quiet, connect_us, memory


def _complain(opened: Window) -> None:
    if opened.failures:
        raise ProcessError("; ".join(opened.failures))


def _kernel_bytes() -> int:
    """The kernel's own memory for sockets and all that comes with them."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Slab:")) * 1024


def _poller(bench: Bench) -> float:
    scenario = next(scenario for scenario in SCENARIOS if scenario.kind == "updates")
    result = bench.run(scenario, CONTENDERS["poller"], 1, scenario.seconds, None)
    return result.cpu_us_per_update or 0.0
