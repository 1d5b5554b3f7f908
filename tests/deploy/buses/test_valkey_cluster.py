"""A Valkey Cluster on this machine."""

import asyncio
from pathlib import Path

import pytest

from deploy.buses.valkey_cluster import PARTITIONS, PRIMARIES, ValkeyCluster
from deploy.errors import DeployError
from deploy.launcher.stack import is_ready
from deploy.process.processes import Process
from market.bus import Batch, BusOptions, open_bus


def gone(folder: Path) -> bool:
    """Whether there is no such folder."""
    return not folder.exists()


def test_it_is_six_servers_on_free_ports() -> None:
    """Poller and gateways are given all addresses, and two partitions for each primary unless another number is set."""
    bus = ValkeyCluster({})
    places = [str(server.listens[0]) for server in bus]
    assert 2 * PRIMARIES == len(set(places))
    assert {"BUS_URL": f"redis+cluster://{','.join(places)}", "BUS_PARTITIONS": str(PARTITIONS)} == bus.variables
    assert "12" == ValkeyCluster({"BUS_PARTITIONS": "12"}).variables["BUS_PARTITIONS"]


async def test_it_becomes_a_cluster_and_leaves_nothing_behind() -> None:
    """Once it has joined, a bus on it can be used; at the end no file of it is left."""
    bus = ValkeyCluster({})
    await bus.prepare(print)
    folder = bus._folder
    assert not gone(folder)
    processes = [Process(its.name, its.command, env=its.env, say=print) for its in bus]
    try:
        for process in processes:
            await process.start()
        await _until_listening(bus)
        await bus.join(print)
        opened = open_bus(bus.variables["BUS_URL"], BusOptions(partitions=PARTITIONS))
        await opened.broker.publish(Batch([("tick.A", b"1"), ("tick.B", b"2")], barrier=("b.all", b"!")))
        assert {"tick.A": b"1", "tick.B": b"2"} == await opened.last_values.read_all("tick.", max_bytes=9)
        await opened.aclose()
    finally:
        for process in processes:
            await process.stop(5)
        bus.clean_up()
    assert gone(folder)
    bus.clean_up()


async def test_servers_that_are_gone_are_told() -> None:
    """Where a server cannot be reached, the reason is told at once."""
    with pytest.raises(DeployError, match=r"did not form a cluster: .*connecting to 127"):
        await ValkeyCluster({}).join(print)


async def _until_listening(bus: ValkeyCluster) -> None:
    async with asyncio.timeout(20):
        for server in bus:
            while not await is_ready(server.listens[0], None):  # noqa: ASYNC110 - a server sets no event
                await asyncio.sleep(0.02)
