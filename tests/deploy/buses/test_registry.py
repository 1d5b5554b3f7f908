"""Which bus is started for which variables."""

import pytest

from deploy.buses.registry import BUSES, DEFAULT, bus_name, local_bus
from deploy.errors import DeployError
from tests.reference.configuration import variables


def test_without_a_word_it_is_one_valkey() -> None:
    """So it is with an empty BUS, and in capitals."""
    assert {DEFAULT} == {bus_name(environ) for environ in ({}, {"BUS": ""}, {"BUS": " Valkey "})}


def test_a_bus_that_runs_already_is_used() -> None:
    """Nothing is started then."""
    assert local_bus({"BUS_URL": "redis://h"}, {}) is None


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"BUS": "rabbit"}, "BUS names 'rabbit', which is no bus to start here; use valkey"),
        ({"BUS": "valkey", "BUS_URL": "redis://:secret@h"}, "BUS names a bus to start, and BUS_URL one that runs"),
        ({"BUS_URL": "memory://"}, "BUS_URL memory:// reaches no other process"),
    ],
)
def test_what_cannot_be_started_is_refused(environ: dict[str, str], says: str) -> None:
    """The message names the variable and the fix, and nothing of a URL."""
    with pytest.raises(DeployError, match=f"^{says}") as refused:
        bus_name(environ)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", BUSES)
def test_every_bus_is_described(name: str) -> None:
    """The table of variables names it."""
    (meaning,) = (row.meaning for row in variables() if row.name == "BUS")
    assert f"`{name}`" in meaning


@pytest.mark.parametrize("name", BUSES)
def test_every_bus_is_planned_on_free_ports(name: str) -> None:
    """Its programs have the given environment and listen on loopback; the variables say where."""
    bus = local_bus({"BUS": name}, {"LANG": "C"})
    assert bus is not None
    assert "BUS_URL" in bus.variables
    programs = list(bus)
    assert len(programs) == len({program.name for program in programs})
    addresses = [address for program in programs for address in program.listens]
    assert {"127.0.0.1"} == {address.host for address in addresses}
    assert len(addresses) == len({address.port for address in addresses})
    assert all(program.env["LANG"] == "C" for program in programs)
    bus.clean_up()
