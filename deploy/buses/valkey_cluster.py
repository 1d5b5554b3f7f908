"""A Valkey Cluster on this machine: three primaries with a replica each, empty at every start."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from redis.exceptions import RedisError

from deploy.buses.servers import BusServers
from deploy.buses.valkey import HOST, server
from deploy.errors import DeployError
from deploy.ports import Address, free_port
from deploy.process.processes import Say
from deploy.process.program import Program
from market.bus.redis.cluster.connection.pipe import NodePipe
from market.bus.redis.cluster.connection.slots import SLOTS
from market.bus.redis.connection.commands import command, encoded
from market.bus.redis.connection.dial import dial
from market.bus.redis.connection.url import RedisUrl

PRIMARIES: Final = 3
PARTITIONS: Final = 6
"""Two for each primary. Half of them are read on if a primary dies and the other half waits for its replica."""
NODE_TIMEOUT_MS: Final = 2_000
"""A replica takes over a moment after its primary has been silent for so long."""

_PAUSE_S: Final = 5.0
"""A server that has ended is started again after this time: later than a replica takes over. It comes back empty, and a
primary that comes back empty is copied by its replica."""
_JOIN_S: Final = 30.0
_LOOK_S: Final = 0.05

_Asks = Callable[..., Awaitable[Any]]


class ValkeyCluster(BusServers):
    """The servers, and the folder in which each keeps who its cluster is."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Plan them on free ports. ``environ`` is their environment.

        Raises:
            DeployError: there is no Valkey to start.
        """
        self._folder = Path(tempfile.gettempdir()) / f"tickgate-cluster-{secrets.token_hex(8)}"
        self._nodes = [(Address(HOST, free_port(), "BUS"), free_port()) for _ in range(2 * PRIMARIES)]
        servers: list[Program] = []
        for number, (address, bus_port) in enumerate(self._nodes, 1):
            own = self._folder / str(address.port)
            options = (
                *("--cluster-enabled", "yes", "--cluster-port", str(bus_port)),
                *("--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--repl-diskless-sync-delay", "0"),
                *("--dir", str(own)),
            )
            servers.append(server(f"valkey-{number}", address, environ, *options, pause_s=_PAUSE_S))
        places = ",".join(str(address) for address, _ in self._nodes)
        partitions = environ.get("BUS_PARTITIONS") or str(PARTITIONS)
        super().__init__([servers], {"BUS_URL": f"redis+cluster://{places}", "BUS_PARTITIONS": partitions})

    async def prepare(self, say: Say) -> None:  # noqa: ARG002 - it takes no time
        """See `BusServers.prepare`."""
        for address, _ in self._nodes:
            (self._folder / str(address.port)).mkdir(mode=0o700, parents=True)

    async def join(self, say: Say) -> None:  # noqa: ARG002 - it takes two seconds
        """See `BusServers.join`."""
        pipes: list[NodePipe] = []
        try:
            async with asyncio.timeout(_JOIN_S):
                for address, _ in self._nodes:
                    pipes.append(NodePipe(await dial(RedisUrl(host=address.host, port=address.port))))
                await form([_asker(pipe) for pipe in pipes], self._nodes)
        except TimeoutError:
            raise DeployError(f"the Valkey servers did not form a cluster within {_JOIN_S:g} s") from None
        except (RedisError, OSError) as error:
            raise DeployError(f"the Valkey servers did not form a cluster: {error}") from None
        finally:
            for pipe in pipes:
                pipe.close()

    def clean_up(self) -> None:
        """See `BusServers.clean_up`."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _asker(pipe: NodePipe) -> _Asks:
    async def ask(*words: str | bytes | int) -> Any:
        return await pipe.execute(command(*map(encoded, words)))

    return ask


async def form(nodes: Sequence[_Asks], places: Sequence[tuple[Address, int]]) -> None:
    """Make a cluster of ``nodes``: the first are primaries, the others their replicas in the same order."""
    ids = [await ask("CLUSTER", "MYID") for ask in nodes]
    for number, ask in enumerate(nodes):
        # Else all begin with the same epoch, and settle that by themselves, later.
        await ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        if number < PRIMARIES:
            first, behind = number * SLOTS // PRIMARIES, (number + 1) * SLOTS // PRIMARIES
            await ask("CLUSTER", "ADDSLOTSRANGE", first, behind - 1)
        for address, bus_port in places[:number]:
            await ask("CLUSTER", "MEET", address.host, address.port, bus_port)
    for primary_id, replica in zip(ids, nodes[PRIMARIES:], strict=False):
        await _until(replica, primary_id, "CLUSTER", "NODES")
        await replica("CLUSTER", "REPLICATE", primary_id)
    for number, ask in enumerate(nodes):
        await _until(ask, b"cluster_state:ok", "CLUSTER", "INFO")
        await _until(ask, b"cluster_known_nodes:%d\r" % len(nodes), "CLUSTER", "INFO")
        if number >= PRIMARIES:
            await _until(ask, b"master_link_status:up", "INFO", "replication")


async def _until(ask: _Asks, word: bytes, *words: str) -> None:
    while word not in await ask(*words):  # noqa: ASYNC110 - a server sets no event
        await asyncio.sleep(_LOOK_S)
