"""A bus on a Valkey Cluster of three hosts: each has a primary, and a replica of its neighbour's."""

import asyncio
from functools import partial
from typing import Any

import hiredis

from deploy.buses.valkey_cluster import NODE_TIMEOUT_MS, PARTITIONS, PRIMARIES, form
from deploy.fronts.chosen import Folder
from deploy.ports import Address
from market.bus.redis.cluster.connection.slots import SLOTS, slot_of
from market.bus.redis.cluster.roles.layout import partition_key
from market.bus.redis.connection.commands import command, encoded
from tests.integration.hosts.network import Host, Network
from tests.integration.hosts.valkeys import PORT, start_valkey

_REPLICA_PORT = PORT + 1
_NODES_BUS = 10_000
"""So much above its port a node speaks with the others."""


class ThreeClusterHosts:
    """Three primaries with a replica each: any host may die. The first has the partition with the lease."""

    host_names = ("bus-1", "bus-2", "bus-3")

    def __init__(self) -> None:
        self._addresses: list[str] = []
        # Who their cluster is, as on disks that survive their hosts; they hold no data.
        self._disks = Folder("cluster")
        self._formed = False

    async def start(self, network: Network) -> None:
        hosts = [network[name] for name in self.host_names]
        self._addresses = [host.address for host in hosts]
        for host in hosts:
            for port in (PORT, _REPLICA_PORT):
                await self._start_node(host, port)
        for host in hosts:
            for port in (PORT, _REPLICA_PORT):
                await network.until_answers(host, port)
        if not self._formed:
            await self._form(network, hosts)
            self._formed = True

    @property
    def variables(self) -> dict[str, str]:
        places = ",".join(f"{address}:{PORT}" for address in self._addresses)
        return {"BUS_URL": f"redis+cluster://{places}", "BUS_PARTITIONS": str(PARTITIONS)}

    async def _start_node(self, host: Host, port: int) -> None:
        disk = self._disks.path / f"{host.name}-{port}"
        disk.mkdir(exist_ok=True)
        options = f"--cluster-enabled yes --cluster-port {port + _NODES_BUS} --cluster-node-timeout {NODE_TIMEOUT_MS}"
        await start_valkey(host, *options.split(), "--repl-diskless-sync-delay", "0", "--dir", str(disk), port=port)

    async def _form(self, network: Network, hosts: list[Host]) -> None:
        # Slots are given in the order of the primaries.
        before = slot_of(partition_key(0).encode()) * PRIMARIES // SLOTS
        hosts = hosts[-before:] + hosts[:-before] if before else hosts
        neighbours = [*hosts[1:], hosts[0]]
        nodes = [(host, PORT) for host in hosts] + [(host, _REPLICA_PORT) for host in neighbours]
        asks = [partial(_ask, network, host, port) for host, port in nodes]
        await form(asks, [(Address(host.address, port, ""), port + _NODES_BUS) for host, port in nodes])


async def _ask(network: Network, host: Host, port: int, *words: str | bytes | int) -> Any:
    """The answer of a node to a command, asked from the router.

    Raises:
        OSError: the node refused, or could not be asked.
    """
    loop, reader = asyncio.get_running_loop(), hiredis.Reader()
    with network.router.socket() as made:
        await loop.sock_connect(made, (host.address, port))
        await loop.sock_sendall(made, command(*map(encoded, words)))
        while (answer := reader.gets()) is False:
            if not (data := await loop.sock_recv(made, 1 << 16)):
                raise ConnectionError(f"{host.name}:{port} closed the connection")
            reader.feed(data)
    if isinstance(answer, hiredis.ReplyError):
        raise OSError(f"{host.name}:{port}: {words}: {answer}")
    return answer
