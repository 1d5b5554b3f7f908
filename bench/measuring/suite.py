"""Run all requested scenarios in rounds, so that a noisy neighbour spoils a figure and not a ratio."""

from collections.abc import Callable, Iterator, Sequence

from bench.host.processes import ProcessError
from bench.host.usage import DISTURBED
from bench.measuring.measure import Bench
from bench.result import Result
from bench.scenarios import Scenario
from bench.servers.contenders import ALL as CONTENDERS
from bench.servers.contenders import WriteRate


def run(
    bench: Bench,
    scenarios: Sequence[Scenario],
    contenders: Sequence[str],
    rounds: int,
    repeats: int,
    seconds: Callable[[Scenario], float],
    say: Callable[[str], None],
) -> Iterator[Result]:
    """Every scenario, against every contender it names that is also in ``contenders``, ``rounds`` times.

    A missing contender is skipped and reported once. A failing contender is reported, and the others continue. A run
    that other programs disturbed is repeated up to ``repeats`` times; the least disturbed one counts.
    """
    results: list[Result] = []
    absent: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for scenario in scenarios:
            for name in scenario.contenders:
                if name not in contenders or name in absent:
                    continue
                if reason := CONTENDERS[name].missing() or CONTENDERS[name].build():
                    absent[name] = reason
                    say(f"{name}: skipped, {reason}")
                    continue
                rate = floor_rate(scenario, name, results) if CONTENDERS[name].is_floor else None
                if CONTENDERS[name].is_floor and rate is None:
                    say(f"{scenario.name} {name}: skipped, the gateway's writes were not counted in this run")
                    continue
                attempts: list[Result] = []
                while len(attempts) <= repeats and all(attempt.disturbance > DISTURBED for attempt in attempts):
                    try:
                        attempts.append(bench.run(scenario, CONTENDERS[name], number, seconds(scenario), rate))
                    except ProcessError as error:
                        say(f"{scenario.name} {name}: FAILED, {error}")
                        break
                    say(brief(attempts[-1], rounds))
                if attempts:
                    results.append(min(attempts, key=lambda attempt: attempt.disturbance))
                    yield results[-1]


def floor_rate(scenario: Scenario, name: str, results: Sequence[Result]) -> WriteRate | None:
    """The writes of a floor in ``scenario``; None if they depend on a gateway that has not run."""
    wanted = scenario.ticks_per_s * scenario.each / 100
    if name == "floor-alone":
        return WriteRate(wanted, 1, scenario.each / 100)
    if scenario.floor == "per burst":
        return WriteRate(scenario.ticks_per_s / scenario.burst, scenario.burst * scenario.each / 100)
    seen = [
        result
        for result in results
        if result.scenario == scenario.name and result.contender == "gateway" and result.writes_per_s
    ]
    if not seen or not seen[-1].ticks_per_s or not seen[-1].writes_per_s:
        return None
    ticks_per_send = max(1.0, seen[-1].ticks_per_s / seen[-1].writes_per_s)
    return WriteRate(seen[-1].ticks_per_s / ticks_per_send / scenario.clients, ticks_per_send)


def brief(result: Result, rounds: int) -> str:
    """One line about one run, to show progress."""
    parts = [f"{result.scenario} {result.contender}" + (f" ({result.round}/{rounds})" if rounds > 1 else "")]
    if result.cpu_us_per_tick is not None:
        parts.append(f"{result.cpu_us_per_tick:.3f} µs/tick")
    if result.gateway_us_per_tick is not None and result.front_us_per_tick is not None:
        bus = "" if result.bus_us_per_tick is None else f" + bus {result.bus_us_per_tick:.3f}"
        parts.append(f"gateway {result.gateway_us_per_tick:.3f} + front {result.front_us_per_tick:.3f}{bus}")
    if result.p99_ms is not None:
        parts.append(f"p99 {result.p99_ms:.1f} ms")
    if result.ms_per_client is not None:
        parts.append(f"{result.ms_per_client:.3f} ms/client")
    if result.cpu_us_per_update is not None:
        parts.append(f"{result.cpu_us_per_update:.2f} µs/update")
    return ", ".join(parts + result.notes + [f"FAULT: {fault}" for fault in result.faults])
