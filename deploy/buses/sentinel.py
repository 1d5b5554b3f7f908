"""Three Sentinels that watch over a primary and two replicas: if the primary dies, a replica takes its place."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.buses.servers import BusServers
from deploy.buses.valkey import HOST, server, valkey_server
from deploy.errors import DeployError
from deploy.ports import Address, free_port
from deploy.process.processes import Say
from deploy.process.program import Program

MASTER: Final = "tickgate"
"""What the Sentinels call the primary and its replicas."""
SERVERS: Final = 3
SENTINELS: Final = 3
QUORUM: Final = 2

_DOWN_AFTER_MS: Final = 2_000
"""A server that does not answer for so long counts as down."""
_FAILOVER_TIMEOUT_MS: Final = 10_000
"""A failover that fails is tried again after twice this time."""
_PAUSE_S: Final = 5.0
"""A server that has ended is started again after this time: later than the Sentinels notice. It comes back empty, and
a primary that comes back empty is copied by its replicas."""
_JOIN_S: Final = 30.0
_LOOK_S: Final = 0.1


class Sentinel(BusServers):
    """The servers, and the folder in which the Sentinels keep what they know."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Plan them on free ports. ``environ`` is their environment.

        Raises:
            DeployError: there is no Valkey to start.
        """
        self._servers = [Address(HOST, free_port(), "BUS") for _ in range(SERVERS)]
        self._sentinels = [Address(HOST, free_port(), "BUS") for _ in range(SENTINELS)]
        self.folder = Path(tempfile.gettempdir()) / f"tickgate-sentinels-{secrets.token_hex(8)}"
        primary, *replicas = self._servers
        follow = ("--replicaof", f"{primary.host} {primary.port}")
        first = server("valkey-1", primary, environ, *self._kept(primary), pause_s=_PAUSE_S)
        others = [
            server(f"valkey-{number}", address, environ, *self._kept(address), *follow, pause_s=_PAUSE_S)
            for number, address in enumerate(replicas, 2)
        ]
        sentinels = [
            Program(
                name=f"sentinel-{number}",
                command=(valkey_server(), str(self._file(address)), "--sentinel"),
                env=environ,
                listens=(address,),
            )
            for number, address in enumerate(self._sentinels, 1)
        ]
        places = ",".join(map(str, self._sentinels))
        super().__init__([[first], others, sentinels], {"BUS_URL": f"redis+sentinel://{places}/{MASTER}/0"})

    async def prepare(self, say: Say) -> None:  # noqa: ARG002 - it takes no time
        """See `BusServers.prepare`."""
        self.folder.mkdir(mode=0o700)
        ids = [secrets.token_hex(20) for _ in self._sentinels]
        for address in self._sentinels:
            text = sentinel_config(address, self._servers, dict(zip(self._sentinels, ids, strict=True)))
            self._file(address).write_text(text, encoding="ascii")

    async def join(self, say: Say) -> None:  # noqa: ARG002 - it takes little time
        """See `BusServers.join`."""
        try:
            async with asyncio.timeout(_JOIN_S):
                while not all([await knows_all(address) for address in self._sentinels]):  # noqa: ASYNC110 # no event
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise DeployError(f"the Sentinels did not find all servers within {_JOIN_S:g} s") from None

    def clean_up(self) -> None:
        """See `BusServers.clean_up`."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kept(self, address: Address) -> tuple[str, ...]:
        return replication_options(self.folder, address)

    def _file(self, address: Address) -> Path:
        return self.folder / f"{address.port}.conf"


def replication_options(folder: Path, address: Address) -> tuple[str, ...]:
    """Words for the command line of a server with replicas, or of a replica."""
    # The primary sends its data at once, without waiting for more replicas. A replica writes what it is sent to a file,
    # before it has it in memory: the file must not lie about where the launcher was started, and be read at a start.
    own = ("--dir", str(folder), "--dbfilename", f"{address.port}.rdb", "--rdb-del-sync-files", "yes")
    return ("--repl-diskless-sync-delay", "0", *own)


def sentinel_config(
    own: Address,
    servers: Sequence[Address],
    ids: Mapping[Address, str],
    *options: str,
    down_after_ms: int = _DOWN_AFTER_MS,
) -> str:
    """The configuration file of the Sentinel at ``own``. It writes to the file what changes.

    The first of ``servers`` is the primary. ``ids`` has an id of each Sentinel, 40 hexadecimal digits. All are named
    here, so that nobody has to be found first. ``options`` are more lines.
    """
    primary, *replicas = servers
    lines = [
        f"bind {own.host}",
        f"port {own.port}",
        "loglevel warning",
        f"sentinel myid {ids[own]}",
        f"sentinel monitor {MASTER} {primary.host} {primary.port} {QUORUM}",
        f"sentinel down-after-milliseconds {MASTER} {down_after_ms}",
        f"sentinel failover-timeout {MASTER} {_FAILOVER_TIMEOUT_MS}",
        *options,
        *(f"sentinel known-replica {MASTER} {its.host} {its.port}" for its in replicas),
        *(f"sentinel known-sentinel {MASTER} {its.host} {its.port} {id_}" for its, id_ in ids.items() if its != own),
    ]
    return "\n".join((*lines, ""))


async def knows_all(sentinel: Address, **credentials: Any) -> bool:
    """Whether the Sentinel there sees the primary, all replicas and all other Sentinels, none of them down."""
    async with Redis(host=sentinel.host, port=sentinel.port, **credentials) as client:
        try:
            primary: Any = await client.sentinel_master(MASTER)
            replicas: Any = await client.sentinel_slaves(MASTER)
            others: Any = await client.sentinel_sentinels(MASTER)
        except RedisError:
            return False
    seen = [primary["flags"], *(its["flags"] for its in (*replicas, *others))]
    whole = len(replicas) == SERVERS - 1 and len(others) == SENTINELS - 1
    return whole and not any("down" in flags or "disconnected" in flags for flags in seen)


def sentinel(environ: Mapping[str, str]) -> BusServers:
    """The servers to start. ``environ`` is their environment.

    Raises:
        DeployError: there is no Valkey to start.
    """
    return Sentinel(environ)
