"""The table of fronts."""

import pytest

from bench.measuring.fronts import ALONE, DIRECT, DIRECT_TLS, NAMES, limits, render
from bench.result import Result
from bench.servers.front import ALL


def result(scenario: str, number: int, **figures: float) -> Result:
    """One run."""
    return Result(scenario=scenario, contender="gateway", round=number, **figures)  # type: ignore[arg-type] # floats only


def test_each_front_has_a_row_of_medians() -> None:
    """With what both parts used; what was not measured is a dash."""
    rows = [
        *(
            result("bursts", number, cpu_us_per_tick=2.0 + number, front_us_per_tick=1.0, p99_ms=4)
            for number in (1, 2, 3)
        ),
        result("storm", 1, clients_per_s=1500.4, ms_per_client=0.66),
    ]
    lines = render({"nginx": rows, DIRECT: []}).splitlines()
    assert lines[2] == "| nginx | 4.000 | – | 1.000 | 4.0 | – | – | – | – | 1500 | 0.66 |"
    assert lines[3] == f"| {DIRECT} | {' | '.join('–' * 10)} |"


@pytest.mark.parametrize("name", ALONE)
def test_of_a_gateway_alone_all_that_is_used_is_its_own(name: str) -> None:
    """Nothing else is there, also where it ends TLS."""
    (line,) = render({name: [result("bursts", 1, cpu_us_per_tick=0.5, p99_ms=3)]}).splitlines()[2:]
    assert line.startswith(f"| {name} | 0.500 | 0.500 | – | 3.0 |")


def test_every_way_can_be_named() -> None:
    """Nothing in front, and all that can be put there."""
    assert (DIRECT, DIRECT_TLS, *ALL) == NAMES


def test_what_limits_a_figure_is_said() -> None:
    """The core that is full in most rounds: the server's, the load's, both, or none."""
    rows = {
        DIRECT_TLS: [result("storm", number, load_share=share) for number, share in enumerate((1.0, 0.5, 0.98))],
        "nginx": [result("scattered", 1, server_share=0.99, load_share=0.99)],
        DIRECT: [result("bursts", number, server_share=share) for number, share in enumerate((1.0, 0.5, 0.6))],
    }
    assert limits(rows) == [
        "storm, direct-tls: limited by the core of the load (98%)",
        "scattered, nginx: limited by the core of gateway and front (99%)",
        "scattered, nginx: limited by the core of the load (99%)",
    ]
