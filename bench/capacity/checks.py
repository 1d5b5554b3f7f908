"""Are the predictions right? Measure loads that no unit cost was made of, and compare: ``--check``."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from msgspec import Struct

from bench.capacity import shapes, work
from bench.capacity.measuring import run
from bench.capacity.unit_costs import UnitCosts
from bench.host.usage import DISTURBED
from bench.reports.report import table
from bench.scenarios import Scenario
from bench.servers.rig import Rig
from bench.system.reading import Window


class Check(Struct):
    """One load, with what was predicted and what was measured."""

    name: str
    front: str
    predicted: dict[str, float]
    """Part → cores; ``MB/s`` to clients; ``writes/s`` to clients."""
    measured: dict[str, float]
    others_share: float
    failures: dict[str, int] = {}
    bus: str = "redis"

    def error(self, figure: str) -> float:
        """How much more was predicted than measured, as a share of what was measured."""
        return self.predicted[figure] / self.measured[figure] - 1


def predict(costs: UnitCosts, scenario: Scenario, bus: str = "redis") -> dict[str, float]:
    """What ``scenario`` should take on the machine of ``costs``."""
    load = work.of(scenario, symbol_channels=bus == "redis")
    found = {
        "gateways": costs.gateway_behind(scenario.front, bus).cores(work.of_gateways(load)),
        "bus": costs.bus(bus).cores(work.of_bus(load)),
        "MB/s": load.ticks_per_client_s * load.clients * costs.bytes_per_tick / 1e6,
        "writes/s": load.writes_per_client_s * load.clients,
    }
    if scenario.front != "straight":
        found["front"] = costs.front(scenario.front).cores(work.of_front(load, costs.bytes_per_tick))
    return found


def check(
    bench: Rig,
    costs: UnitCosts,
    scenarios: Sequence[Scenario],
    seconds: float,
    say: Callable[[str], None],
    bus: str = "redis",
) -> Iterator[Check]:
    """Measure each of ``scenarios``; ``bus`` is that of ``bench``.

    Raises:
        ProcessError: a process did not start, answer, or stay.
    """
    for scenario in scenarios:
        done = compare(costs, scenario, run(bench, scenario, seconds), bus)
        say(f"{done.name} ({_way(done)}): gateways {done.error('gateways'):+.0%}")
        yield done


def compare(costs: UnitCosts, scenario: Scenario, window: Window, bus: str = "redis") -> Check:
    """A prediction beside its measurement."""
    predicted = predict(costs, scenario, bus)
    measured = {part: window.cpu_s[part] / window.seconds for part in ("gateways", "bus", "front")}
    measured["MB/s"] = window.bytes / window.seconds / 1e6
    measured["writes/s"] = window.writes / window.seconds
    return Check(
        name=scenario.name,
        front=scenario.front,
        predicted=predicted,
        measured={figure: measured[figure] for figure in predicted},
        others_share=window.others_share,
        failures=window.failures,
        bus=bus,
    )


def behind(fronts: Sequence[str]) -> list[Scenario]:
    """Those measured again, the loads without a front, and those of a front through each of ``fronts``."""
    return [
        *shapes.AGAIN,
        *shapes.STRAIGHT_CHECKS,
        *(replace(shape, front=front) for front in fronts for shape in shapes.FRONTED_CHECKS),
    ]


def rows(checks: Sequence[Check]) -> list[list[str]]:
    """Head and rows: predicted, measured, and the error of each figure."""
    figures = ("gateways, cores", "front, cores", "bus, cores", "MB/s")
    lines = [["load", "front", *(word for figure in figures for word in (figure, "error"))]]
    for done in checks:
        line = [done.name, _way(done)]
        for figure, shown in (("gateways", ".3f"), ("front", ".3f"), ("bus", ".3f"), ("MB/s", ".1f")):
            if figure not in done.predicted:
                line += ["–", "–"]
                continue
            pair = f"{format(done.predicted[figure], shown)} / {format(done.measured[figure], shown)}"
            line += [pair, f"{done.error(figure):+.0%}"]
        lines.append(line)
    return lines


def _way(done: Check) -> str:
    return done.front if done.bus == "redis" else f"{done.front}, {done.bus}"


def render(checks: Sequence[Check]) -> str:
    """The table, and what makes its figures less reliable."""
    lines = [table(rows(checks)), "\npredicted / measured; an error above zero: more was predicted than measured"]
    for done in checks:
        if done.others_share > DISTURBED:
            lines.append(f"{done.name} ({_way(done)}): DISTURBED, others had {done.others_share:.0%} of a core")
        if done.failures:
            lines.append(f"{done.name} ({_way(done)}): FAILED {done.failures}")
    return "\n".join(lines)
