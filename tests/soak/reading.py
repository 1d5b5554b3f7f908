"""What a process holds at one moment: by the kernel's account, and by a gateway's own."""

from collections.abc import Set
from pathlib import Path

import aiohttp
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from bench.host.machine import cpu_s, rss_bytes
from deploy.ports import Address

_METRICS = (
    "connections",
    "cohorts",
    "slow_consumers",
    "tasks",
    "memory_blocks",
    "connections_accepted_total",
    "ticks_sent_total",
)


class Reading(Struct, frozen=True, kw_only=True):
    """One process at one moment."""

    pid: int
    rss_bytes: int
    cpu_s: float
    """Used since its start."""
    files: int
    """Open ones, but for links to the bus."""
    bus_links: int
    """And sockets that the kernel has closed: links that broke, in a pool that will find out when it wants them."""
    connections: int = 0
    cohorts: int = 0
    slow_consumers: int = 0
    tasks: int = 0
    memory_blocks: int = 0
    connections_accepted: int = 0
    """Since its start."""
    ticks_sent: int = 0
    """Since its start."""

    @property
    def is_gateway(self) -> bool:
        """Whether it was asked for more than the kernel tells; whoever answers does so in a task."""
        return self.tasks > 0


class Reader:
    """Reads the processes of one stage; to be used in an ``async with``."""

    def __init__(self, bus: Address) -> None:
        self._bus = bus
        # Each scrape on a connection of its own: one that stays would be among the open files.
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(total=3)
        )

    async def __aenter__(self) -> "Reader":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def read(self, pid: int, others: Set[str], gateway: Address | None = None) -> Reading | None:
        """What ``pid`` holds, and what it says at ``gateway`` where it is one; None where it is gone or silent.

        ``others`` are the `other_sockets` of this moment.
        """
        try:
            files, bus_links = _files(pid, others)
            kernel = {"rss_bytes": rss_bytes(pid), "files": files, "bus_links": bus_links}
            told = {} if gateway is None else await self._scrape(gateway)
            return Reading(pid=pid, cpu_s=cpu_s(pid), **kernel, **told)
        except (OSError, aiohttp.ClientError, TimeoutError):
            return None

    def other_sockets(self) -> set[str]:
        """All that live on this machine but those to the bus, as links of /proc/PID/fd name them (proc(5))."""
        remote = f":{self._bus.port:04X}"
        tcp = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        unix = (line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:])
        inodes = [fields[9] for fields in tcp if not fields[2].endswith(remote)] + [fields[6] for fields in unix]
        return {f"socket:[{inode}]" for inode in inodes}

    async def _scrape(self, gateway: Address) -> dict[str, int]:
        async with self._http.get(f"http://{gateway}/metrics") as response:
            response.raise_for_status()
            text = await response.text()
        values = {
            sample.name.removeprefix("tickgate_"): int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("tickgate_") and not sample.labels
        }
        return {name.removesuffix("_total"): values[name] for name in _METRICS}


def _files(pid: int, others: Set[str]) -> tuple[int, int]:
    """How many files are open, and how many links to the bus besides."""
    files = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            files.append(str(entry.readlink()))
        except FileNotFoundError:
            continue  # closed while we looked
    links = sum(file.startswith("socket:") and file not in others for file in files)
    return len(files) - links, links
