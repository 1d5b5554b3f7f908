"""The buses that a platform of several hosts can run on, by name.

Another bus is a class with the same members, and a line in `BUSES`; every scenario then runs over it.
"""

from collections.abc import Mapping
from typing import Protocol

from tests.integration.hosts.brokers import ThreeBrokers
from tests.integration.hosts.network import Network
from tests.integration.hosts.valkey_cluster import ThreeClusterHosts
from tests.integration.hosts.valkeys import OneValkey, ThreeSentinels


class Bus(Protocol):
    """The servers of a bus, on hosts of their own."""

    @property
    def host_names(self) -> tuple[str, ...]:
        """The hosts that it needs; scenarios that hurt "the bus" hurt the first, which leads at the start."""

    @property
    def variables(self) -> Mapping[str, str]:
        """For the environment of pollers and gateways, once it was started."""

    async def start(self, network: Network) -> None:
        """Start the servers, or those that are not running; return when they serve."""


BUSES: Mapping[str, type[OneValkey] | type[ThreeSentinels] | type[ThreeClusterHosts] | type[ThreeBrokers]] = {
    "redis": OneValkey,
    "sentinel": ThreeSentinels,
    "cluster": ThreeClusterHosts,
    "kafka": ThreeBrokers,
}
