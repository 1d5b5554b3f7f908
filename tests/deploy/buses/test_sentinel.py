"""Three Sentinels, a primary and two replicas, started by the launcher."""

import asyncio
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.buses.sentinel import MASTER, Sentinel, knows_all
from deploy.errors import DeployError
from deploy.launcher.programs import plan_run
from deploy.launcher.stack import Stack
from market.bus import open_bus
from tests.integration.stacks import environment
from tests.market.bus.using import outcome_of


def test_the_primary_comes_first_and_sentinels_last() -> None:
    """Poller and gateways are given the Sentinels' addresses, and the name of the primary."""
    bus = Sentinel({})
    assert [["valkey-1"], ["valkey-2", "valkey-3"], ["sentinel-1", "sentinel-2", "sentinel-3"]] == [
        [program.name for program in stage] for stage in bus.stages
    ]
    places = ",".join(str(program.listens[0]) for program in bus.stages[2])
    assert {"BUS_URL": f"redis+sentinel://{places}/{MASTER}/0"} == bus.variables
    assert open_bus(bus.variables["BUS_URL"]).name


async def test_they_become_one_bus_and_leave_nothing_behind() -> None:
    """When the start is over each Sentinel sees all servers; their folder is ours alone, and goes with them."""
    plan = plan_run(environment(BUS="sentinel", GATEWAY_PORT="1"))
    bus = plan.bus
    assert isinstance(bus, Sentinel)
    stack = Stack(replace(plan, restart=False), lambda name, line: None)
    try:
        async with asyncio.timeout(30):
            await stack._start_bus(bus)
        assert await outcome_of(bus.variables["BUS_URL"]) == ""
        assert all([await knows_all(program.listens[0]) for program in bus.stages[2]])
        assert 0o700 == stat.S_IMODE(bus.folder.stat().st_mode)
    finally:
        await stack.stop()
    assert not bus.folder.exists()
    assert [] == list(Path.cwd().glob("*.rdb"))


async def test_servers_that_do_not_find_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start says so, in place of waiting for ever."""
    monkeypatch.setattr("deploy.buses.sentinel._JOIN_S", 0.1)
    with pytest.raises(DeployError, match="did not find all servers"):
        await Sentinel({}).join(lambda name, line: None)
