"""What the variables of ``haproxy.cfg`` say, for a front whose configuration does not read the environment itself."""

import ipaddress
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError
from deploy.fronts.addresses import Listening, certificate_of
from deploy.fronts.timeouts import UNREAD, seconds_of
from deploy.ports import Address


@dataclass(frozen=True, kw_only=True)
class Front:
    """Where it listens, what is behind it, and what it allows. 0 is no limit."""

    bind: Address
    stats: Address
    tls: Address | None
    """Where it listens for TLS; None without a certificate."""
    certificate: str
    """The absolute path of a PEM file of certificate, chain and key."""
    gateways: Sequence[Address]
    gateway_ca: str
    """The absolute path of a PEM file of those who sign the gateways' certificates; empty without encryption."""
    gateway_cert_name: str
    """The name that these certificates must have."""
    trusted_proxies: tuple[str, ...]
    """Networks."""
    accept_proxy: tuple[str, ...]
    hops: int
    max_connections: int
    connections_per_ip: int
    connects_per_10_s: int
    requests_per_10_s: int
    unread_s: int
    hard_stop_s: int


def read(variables: Mapping[str, str], at: Listening, gateways: Sequence[Address]) -> Front:
    """What is to stand at these addresses, before these gateways.

    Raises:
        DeployError: a variable that cannot be used.
    """
    most = _number(variables, "TICKGATE_MAX_CONNECTIONS", 40_000)
    if not most:
        raise DeployError("TICKGATE_MAX_CONNECTIONS=0 is no number of connections; give one, like 40000")
    return Front(
        bind=at.bind,
        stats=at.stats,
        tls=at.tls,
        certificate="" if at.tls is None else certificate_of(variables),
        gateways=gateways,
        gateway_ca=_readable(variables, "TICKGATE_GATEWAY_CA"),
        gateway_cert_name=variables.get("TICKGATE_GATEWAY_CERT_NAME") or "tickgate-gateway",
        trusted_proxies=_networks(variables, "TICKGATE_TRUSTED_PROXIES"),
        accept_proxy=_networks(variables, "TICKGATE_ACCEPT_PROXY"),
        hops=_number(variables, "TICKGATE_FORWARDED_HOPS", 1),
        max_connections=most,
        connections_per_ip=_number(variables, "TICKGATE_MAX_CONNECTIONS_PER_IP", 500),
        connects_per_10_s=_number(variables, "TICKGATE_CONNECT_RATE_PER_IP", 500),
        requests_per_10_s=_number(variables, "TICKGATE_REQUEST_RATE_PER_IP", 1000),
        unread_s=_seconds(variables, "TICKGATE_UNREAD_TIMEOUT", UNREAD),
        hard_stop_s=_seconds(variables, "TICKGATE_HARD_STOP_AFTER", "12h"),
    )


def _readable(variables: Mapping[str, str], name: str) -> str:
    """The absolute path of a file; empty if none is named."""
    path = variables.get(name, "")
    if path and not os.access(path, os.R_OK):
        raise DeployError(f"{name}={path!r} cannot be read; name a PEM file of certificates, or leave it unset")
    return str(Path(path).absolute()) if path else ""


def _number(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise DeployError(f"{name}={text!r} is no number; give a whole one, like {default}")
    return int(text)


def _seconds(variables: Mapping[str, str], name: str, default: str) -> int:
    text = variables.get(name) or default
    seconds = seconds_of(text)
    if not seconds:
        raise DeployError(f"{name}={text!r} is no time; give one with its unit, like {default}")
    return math.ceil(seconds)


def _networks(variables: Mapping[str, str], name: str) -> tuple[str, ...]:
    networks = []
    for text in variables.get(name, "").split():
        try:
            networks.append(str(ipaddress.ip_network(text, strict=False)))
        except ValueError:
            raise DeployError(
                f"{name} has {text!r}, which is no address or network; write them with spaces between, like"
                " 10.0.0.0/8 fd00::/8"
            ) from None
    return tuple(networks)
