"""The addresses where programs will listen: free, or in use and by whom, or not to be had."""

import asyncio
import errno
import socket
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp

from deploy.checks.finding import Finding, Mark
from deploy.checks.holders import holder_of
from deploy.errors import DeployError
from deploy.launcher.programs import FRONT, GATEWAYS, STATS, TLS
from deploy.ports import Address, parse_address
from gateway.settings import Settings
from poller.settings import PollerSettings

ALIVE: Final = b'{"status":"alive"}'
"""What ``/healthz`` of a gateway answers, and of HAProxy before it."""
_PRIVILEGED: Final = 1024
"""Ports below are root's (ip(7), ``ip_unprivileged_port_start``)."""


async def check_listening(
    variables: Mapping[str, str], pollers: Sequence[PollerSettings], gateway: Settings | None
) -> list[Finding]:
    """The ports of a gateway and a poller, and those of a cluster."""
    findings = []
    if gateway is not None:
        address = Address(gateway.host, gateway.port, "GATEWAY_PORT")
        findings.append(await _check(address, "wrong"))
    for its in pollers:
        if port := its.poller_metrics_port:
            address = Address(its.poller_metrics_host, port, "POLLER_METRICS_PORT")
            findings.append(await _check(address, "wrong"))
    try:
        cluster = _of_cluster(variables)
    except DeployError as error:
        return [*findings, Finding("wrong", "port", str(error))]
    others = await asyncio.gather(*(_check(address, "warning") for address in cluster))
    if busy := [its for its in others if its.mark != "ok"]:
        return [*findings, *busy]
    ports = ", ".join(map(str, cluster))
    return [*findings, Finding("ok", "port", f"{ports} are free, or tickgate's own: for a cluster")]


def _of_cluster(variables: Mapping[str, str]) -> list[Address]:
    """The addresses of a cluster on this machine, as its launcher would have them.

    Raises:
        DeployError: one of them is none.
    """
    wanted = {"TICKGATE_BIND": FRONT, "TICKGATE_STATS_BIND": STATS}
    wanted |= {f"TICKGATE_GATEWAY_{number}": address for number, address in enumerate(GATEWAYS, 1)}
    if variables.get("TICKGATE_CERT"):
        wanted["TICKGATE_TLS_BIND"] = TLS
    told = {variable: variables.get(variable, default) for variable, default in wanted.items()}
    return [parse_address(variable, value) for variable, value in told.items() if value]


async def _check(address: Address, mark: Mark) -> Finding:
    """Whether it can be listened on; ``mark`` is for where it cannot."""
    error = _bind(address)
    if error is None:
        return Finding("ok", "port", f"{address} is free")
    variable = address.variable
    if error.errno == errno.EADDRINUSE:
        holder = await asyncio.to_thread(holder_of, address.port)
        whose = str(holder) if holder else "a program of another user"
        if await _is_ours(address):
            return Finding("ok", "port", f"{address} has a gateway already, or HAProxy before one: {whose}")
        return Finding(mark, "port", f"{address} is in use by {whose}", f"end it, or set {variable} to another port")
    if error.errno in (errno.EACCES, errno.EPERM) and address.port < _PRIVILEGED:
        return Finding(
            mark,
            "port",
            f"{address} is a port below {_PRIVILEGED}, which only root may have",
            f"set {variable} to a higher one, with a balancer before it; or allow it (CAP_NET_BIND_SERVICE)",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        fix = "name an address of this machine, 127.0.0.1 for this machine alone, or 0.0.0.0 for all of its own"
        return Finding(mark, "port", f"{address} is no address of this machine", f"{fix}, in {_host(variable)}")
    return Finding(mark, "port", f"{address} cannot be used: {error.strerror or error}", f"see {_host(variable)}")


def _host(variable: str) -> str:
    return "GATEWAY_HOST" if variable == "GATEWAY_PORT" else variable


def _bind(address: Address) -> OSError | None:
    """What keeps us from listening there; nothing listens when this returns."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            # Two sockets may share a port until one of them listens.
            probe.listen(1)
    except OSError as error:
        return error
    return None


async def _is_ours(address: Address) -> bool:
    """Whether what listens there is a gateway, or HAProxy before gateways."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - to connect
    url = f"http://{f'[{host}]' if ':' in host else host}:{address.port}/healthz"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(1)) as session, session.get(url) as response:
            return response.status == 200 and await response.content.read(100) == ALIVE
    except (aiohttp.ClientError, OSError, ValueError):
        return False
