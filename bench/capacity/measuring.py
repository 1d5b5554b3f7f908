"""Measure the unit costs on this machine: ``python -m bench.capacity --measure``, some three minutes."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from msgspec import Struct

from bench.capacity import shapes, work, yardstick
from bench.capacity.fitting import fit
from bench.capacity.unit_costs import Costs, UnitCosts
from bench.capacity.work import Work
from bench.contenders import ALL as CONTENDERS
from bench.measure import Bench
from bench.processes import ProcessError
from bench.scenarios import ALL as SCENARIOS
from bench.scenarios import Scenario
from bench.system.reading import Window
from bench.system.running import System
from bench.ticks import SYMBOLS

COMMAND = "python -m bench.capacity --measure"
_WARM_UP_S = 1.0
_FIRST_PINGS_S = 3.0
"""Later than the first ping of the last client."""
_HEARTBEATS_S = 17.0
"""Longer than from one ping of a client to the next."""
_BUS_BYTES = 45
"""Of a message of the bus with one tick, beside the tick itself: RESP's lengths, the channel's name."""

Say = Callable[[str], None]


def measure(
    bench: Bench, fronts: Sequence[str], seconds: float, about: dict[str, str], when: str, say: Say
) -> UnitCosts:
    """Measure all; ``fronts`` are those of `bench.system.fronts` that are to be measured.

    Raises:
        ProcessError: a process did not start, answer, or stay.
    """
    runs = list(_runs(bench, shapes.STRAIGHT, "straight", seconds, say))
    usual_us = statistics.median(window.yardstick_us or 0.0 for _, window in runs)
    per_s = Rate(usual_us)
    quiet, connect_us, memory = _crowd(bench, "straight", say)
    loads = [work.of(scenario) for scenario, _ in runs]
    gateway = Costs(
        us={
            **fit(
                [*map(work.of_gateways, loads), work.of_gateways(work.of(shapes.CROWD))],
                [*(per_s(window, "gateways") for _, window in runs), per_s(quiet, "gateways")],
            ),
            "connect": connect_us["gateways"],
        },
        kb_per_connection=memory["kb"],
        process_mb=memory["process_mb"],
        measured_by=COMMAND,
    )
    bus = fit(
        [*map(work.of_bus, loads), work.of_bus(work.of(shapes.CROWD))],
        [*(per_s(window, "bus") for _, window in runs), per_s(quiet, "bus")],
    )
    bytes_per_tick = _bytes_per_tick(runs)
    costs = {"straight": Costs(us={"process": 0.0}, files_per_connection=0, measured_by=COMMAND)}
    for name in fronts:
        costs[name] = _front(bench, name, gateway, seconds, bytes_per_tick, per_s, say)
    return UnitCosts(
        machine=about,
        when=when,
        yardstick_us=usual_us,
        bytes_per_tick=bytes_per_tick,
        bus_bytes_per_tick=bytes_per_tick + _BUS_BYTES,
        kernel_kb_per_connection=memory["kernel_kb"],
        poller_us_per_update=_poller(bench),
        gateway=gateway,
        fronts=costs,
        buses={"redis": Costs(us=bus, measured_by=COMMAND)},
    )


def run(bench: Bench, scenario: Scenario, seconds: float) -> Window:
    """Feed the clients of one shape, and return what happened within ``seconds``.

    Raises:
        ProcessError: a process did not start, answer, or stay.
    """
    with ExitStack() as stack:
        system = System(bench, stack, scenario)
        opened = system.open()
        before = yardstick.measure_us(bench.cores.server)
        system.feed()
        time.sleep(_WARM_UP_S)
        window = system.window(seconds)
        system.stop()
        window.yardstick_us = (before + yardstick.measure_us(bench.cores.server)) / 2
        window.failures.update(opened.failures)
        return window


def _runs(
    bench: Bench, scenarios: Sequence[Scenario], front: str, seconds: float, say: Say
) -> Iterator[tuple[Scenario, Window]]:
    for scenario in scenarios:
        window = run(bench, replace(scenario, front=front), seconds)
        parts = ", ".join(f"{part} {share / window.seconds:.1%}" for part, share in window.cpu_s.items() if share)
        say(f"{scenario.name} ({front}): {parts} of a core; {window.ticks / window.seconds:,.0f} ticks/s")
        yield scenario, window


class Rate(Struct, frozen=True):
    """CPU microseconds per second, at the usual speed of the processor."""

    usual_us: float
    """The usual length of the yardstick."""

    def __call__(self, window: Window, part: str) -> float:
        """What a part used in ``window``."""
        speed = (window.yardstick_us or self.usual_us) / self.usual_us
        return max(1.0, window.cpu_s[part] * 1e6 / window.seconds / speed)


def _bytes_per_tick(runs: Sequence[tuple[Scenario, Window]]) -> float:
    many = [window for scenario, window in runs if scenario.each == len(SYMBOLS)]
    return sum(window.bytes for window in many) / sum(window.ticks for window in many)


def _front(
    bench: Bench, name: str, gateway: Costs, seconds: float, bytes_per_tick: float, per_s: "Rate", say: Say
) -> Costs:
    runs = list(_runs(bench, shapes.FRONTED, name, seconds, say))
    quiet, connect_us, memory = _crowd(bench, name, say)
    loads = [work.of(scenario) for scenario in (*shapes.FRONTED, shapes.CROWD)]
    us = fit(
        [work.of_front(load, bytes_per_tick) for load in loads],
        [*(per_s(window, "front") for _, window in runs), per_s(quiet, "front")],
    )
    works = [work.of_gateways(load) for load in loads]
    used = [per_s(window, "gateways") for window in (*(window for _, window in runs), quiet)]
    return Costs(
        us={**us, "connect": connect_us["front"]},
        gateway_us={**_again(gateway, works, used), "connect": connect_us["gateways"]},
        kb_per_connection=memory["front_kb"],
        process_mb=memory["front_mb"],
        files_per_connection=2,
        measured_by=COMMAND,
    )


def _again(gateway: Costs, works: Sequence[Work], used: Sequence[float]) -> dict[str, float]:
    """What goes to clients costs something else behind a front; the rest costs what it does straight."""
    again = ("write", "cold", "tick_out", "ping")
    rest = Costs(us={kind: us for kind, us in gateway.us.items() if kind not in again})
    left = [max(1.0, total - rest.cores(one) * 1e6) for one, total in zip(works, used, strict=True)]
    return fit([{kind: one[kind] for kind in again} for one in works], left)


def _crowd(bench: Bench, front: str, say: Say) -> tuple[Window, dict[str, float], dict[str, float]]:
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
