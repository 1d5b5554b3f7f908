"""Finds the bus to start on this machine: the one that ``BUS`` names, unless ``BUS_URL`` names one that runs already.

A new bus is a module with a function from the environment of its programs to `BusServers`, and one line in `BUSES`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from deploy.buses.servers import BusServers
from deploy.errors import DeployError

DEFAULT: Final = "valkey"


# Each is imported where it is chosen: a launcher loads only its own.


def _valkey(environ: Mapping[str, str]) -> BusServers:
    from deploy.buses.valkey import valkey

    return valkey(environ)


def _kafka(environ: Mapping[str, str]) -> BusServers:
    from deploy.buses.kafka import kafka

    return kafka(environ)


def _sentinel(environ: Mapping[str, str]) -> BusServers:
    from deploy.buses.sentinel import sentinel

    return sentinel(environ)


def _valkey_cluster(environ: Mapping[str, str]) -> BusServers:
    from deploy.buses.valkey_cluster import ValkeyCluster

    return ValkeyCluster(environ)


BUSES: Final[Mapping[str, Callable[[Mapping[str, str]], BusServers]]] = {
    DEFAULT: _valkey,
    "kafka": _kafka,
    "sentinel": _sentinel,
    "valkey-cluster": _valkey_cluster,
}
"""The name of a bus → the function that plans its servers, on free ports, with this environment."""


def bus_name(variables: Mapping[str, str]) -> str | None:
    """The name of the bus to start; None if ``BUS_URL`` names one that runs already.

    Raises:
        DeployError: there is no such bus to start, or both are set, or programs cannot share the bus of ``BUS_URL``.
    """
    name = variables.get("BUS", "").strip().lower()
    bus_url = variables.get("BUS_URL")
    if bus_url == "memory://":
        raise DeployError(
            "BUS_URL memory:// reaches no other process; leave it unset for a Valkey of its own,"
            " or write redis://host:port/db"
        )
    if name and name not in BUSES:
        raise DeployError(f"BUS names {name[:40]!r}, which is no bus to start here; use {', '.join(BUSES)}")
    if name and bus_url is not None:
        raise DeployError("BUS names a bus to start, and BUS_URL one that runs already; unset one of them")
    return None if bus_url is not None else name or DEFAULT


def local_bus(variables: Mapping[str, str], environ: Mapping[str, str]) -> BusServers | None:
    """The servers to start, with this environment; None if ``BUS_URL`` names a bus that runs already.

    Raises:
        DeployError: see `bus_name`; or a program that the bus needs is not installed.
    """
    name = bus_name(variables)
    return None if name is None else BUSES[name](environ)
