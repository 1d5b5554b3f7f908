"""The buses that a platform of several hosts can run on, by name.

Another bus is a class here with the same members, and a line in `BUSES`; every scenario then runs over it.
"""

from collections.abc import Mapping
from typing import Protocol

from deploy.programs import valkey_server
from tests.integration.hosts.network import Host, Network
from tests.integration.stacks import environment

_PORT = 6379


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
        # Whoever reaches the host may use it: nobody else is on its network.
        options = f"--bind {self._host.address} --port {_PORT} --protected-mode no --appendonly no --loglevel warning"
        command = (valkey_server(), *options.split(), "--save", "")
        await self._host.start("valkey", command, environment())
        await network.until_answers(self._host, _PORT)

    @property
    def url(self) -> str:
        assert self._host is not None
        return f"redis://{self._host.address}:{_PORT}/0"


BUSES: Mapping[str, type[Bus]] = {"redis": OneValkey}
