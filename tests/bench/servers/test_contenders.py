"""Who is measured, and why one may be missing."""

import pytest

from bench.scenarios import ALL as SCENARIOS
from bench.servers.contenders import ALL, BASELINES, Contender, WriteRate


def test_every_contender_of_a_scenario_is_known() -> None:
    """No scenario names a server that cannot be started."""
    assert {name for scenario in SCENARIOS for name in scenario.contenders} <= ALL.keys()


def test_every_script_is_there() -> None:
    """Baselines are programs a reader can run."""
    scripts = [contender.script for contender in ALL.values() if contender.script]
    modules = [
        contender.module.rpartition(".")[2] + ".py" for contender in ALL.values() if "baselines" in contender.module
    ]
    assert [name for name in scripts + modules if not (BASELINES / name).is_file()] == []


def test_a_gateway_gets_the_bus_its_port_and_no_limits() -> None:
    """It is configured as an operator would, by the environment."""
    _, env = ALL["gateway-eager"].command(8123, "redis://127.0.0.1:1/0", 5, None)
    assert (env["BUS_URL"], env["GATEWAY_PORT"], env["MAX_CONNECTIONS"], env["REST_FACTOR"]) == (
        "redis://127.0.0.1:1/0",
        "8123",
        "0",
        "0",
    )


def test_a_floor_is_told_what_to_write() -> None:
    """Port, clients, and pace are its arguments."""
    argv, _ = ALL["floor"].command(8123, "", 5, WriteRate(10, 2.5))
    assert argv[-5:] == ["8123", "5", "10", "2.5", "1.0"]


@pytest.mark.parametrize(
    ("need", "reason"),
    [
        ("no-such-program", "needs the program no-such-program"),
        ("python:no_such_package", "needs the Python package no_such_package: pip install no_such_package"),
        ("python:msgspec", ""),
    ],
)
def test_what_is_missing_is_named_with_its_fix(need: str, reason: str) -> None:
    """A reader learns what to install."""
    assert Contender("x", "", "", module="bench.x", needs=(need,)).missing() == reason
