"""The rig of a measurement: the bus and the cores, whichever servers are started on them."""

from bench.host.machine import Cores
from bench.servers.server import HOST


class Rig:
    """The bus, the cores, and everything else that all runs share."""

    def __init__(self, bus_port: int, bus_pid: int, cores: Cores) -> None:
        self.bus_port = bus_port
        self.bus_pid = bus_pid
        self.bus_url = f"redis://{HOST}:{bus_port}/0"
        self.publisher: tuple[str, ...] = ("bench.feed.publisher", str(bus_port))
        """The module that publishes ticks, and its first argument."""
        self.cores = cores
        self.fronted = ""
        """What stands in front of every server, on its core: one of `bench.servers.front.ALL`, or nothing."""
        self.tls = False
        """Whether the gateway ends TLS itself, and its clients speak it."""
