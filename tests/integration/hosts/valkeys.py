"""A bus of one Valkey server, and one of a primary and two replicas under Sentinels."""

import secrets

from deploy.buses.valkey import valkey_server
from deploy.fronts.chosen import Folder
from tests.integration.hosts.network import Host, Network
from tests.integration.stacks import environment

PORT = 6379
_SENTINEL_PORT = 26379
_MASTER = "prices"
_DOWN_AFTER_MS = 1_000


class OneValkey:
    """One Valkey server: a host that dies takes everything with it."""

    host_names = ("bus",)

    def __init__(self) -> None:
        self._host: Host | None = None

    async def start(self, network: Network) -> None:
        self._host = network[self.host_names[0]]
        await start_valkey(self._host)
        await network.until_answers(self._host, PORT)

    @property
    def variables(self) -> dict[str, str]:
        assert self._host is not None
        return {"BUS_URL": f"redis://{self._host.address}:{PORT}/0"}


class ThreeSentinels:
    """A primary and two replicas, each on a host with a Sentinel beside it."""

    host_names = ("bus-1", "bus-2", "bus-3")

    def __init__(self) -> None:
        self._addresses: list[str] = []
        self._folder = Folder("sentinels")
        self._ids = {name: secrets.token_hex(20) for name in self.host_names}

    async def start(self, network: Network) -> None:
        hosts = [network[name] for name in self.host_names]
        self._addresses = [host.address for host in hosts]
        primary, *replicas = self._addresses
        for host in hosts:
            follow = () if host.address == primary else ("--replicaof", f"{primary} {PORT}")
            # A replica writes what it is sent into a file before it reads it.
            (disk := self._folder.path / host.name).mkdir(exist_ok=True)
            await start_valkey(host, "--repl-diskless-sync-delay", "0", "--dir", str(disk), *follow)
        for host in hosts:
            await network.until_answers(host, PORT)
            # It writes there what it learns, as on a disk that survives its host.
            if not (path := self._folder.path / f"{host.name}.conf").exists():
                path.write_text(self._config(host, replicas, network), encoding="ascii")
            if not host.runs(f"sentinel of {host.name}"):
                command = (valkey_server(), str(path), "--sentinel")
                await host.start(f"sentinel of {host.name}", command, environment())
        for host in hosts:
            await network.until_answers(host, _SENTINEL_PORT)

    @property
    def variables(self) -> dict[str, str]:
        places = ",".join(f"{address}:{_SENTINEL_PORT}" for address in self._addresses)
        return {"BUS_URL": f"redis+sentinel://{places}/{_MASTER}/0"}

    def _config(self, own: Host, replicas: list[str], network: Network) -> str:
        others = {network[name].address: own_id for name, own_id in self._ids.items() if name != own.name}
        lines = (
            f"bind {own.address}",
            f"port {_SENTINEL_PORT}",
            "protected-mode no",
            "loglevel warning",
            f"sentinel myid {self._ids[own.name]}",
            f"sentinel monitor {_MASTER} {self._addresses[0]} {PORT} 2",
            f"sentinel down-after-milliseconds {_MASTER} {_DOWN_AFTER_MS}",
            f"sentinel failover-timeout {_MASTER} 10000",
            *(f"sentinel known-replica {_MASTER} {address} {PORT}" for address in replicas),
            *(f"sentinel known-sentinel {_MASTER} {address} {_SENTINEL_PORT} {id_}" for address, id_ in others.items()),
        )
        return "\n".join((*lines, ""))


async def start_valkey(host: Host, *more: str, port: int = PORT) -> None:
    """Start a server that keeps nothing on a disk, with ``more`` options; does nothing if it runs."""
    name = f"valkey of {host.name}:{port}"
    if not host.runs(name):
        # Whoever reaches the host may use it: nobody else is on its network.
        options = f"--bind {host.address} --port {port} --protected-mode no --appendonly no --loglevel warning"
        await host.start(name, (valkey_server(), *options.split(), "--save", "", *more), environment())
