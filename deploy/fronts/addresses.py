"""Where a front listens, and where the gateways are behind it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from deploy import files
from deploy.errors import DeployError
from deploy.ports import Address, parse_address
from deploy.settings import Variables
from gateway.admission.address import is_loopback

FRONT: Final = "127.0.0.1:8080"
GATEWAYS: Final = ("127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:8083", "127.0.0.1:8084")
MOST_GATEWAYS: Final = 16
STATS: Final = "127.0.0.1:8404"
TLS: Final = "127.0.0.1:8443"
"""The default addresses of ``haproxy.cfg``; the gateways are those that the launcher starts."""


class Listening(NamedTuple):
    """The addresses of a front."""

    bind: Address
    stats: Address
    tls: Address | None
    """None without a certificate."""


def of_front(variables: Variables) -> Listening:
    """Where it listens.

    Raises:
        DeployError: an address or a certificate that cannot be used.
    """
    return Listening(
        parse_address("TICKGATE_BIND", variables.get("TICKGATE_BIND", FRONT)),
        parse_address("TICKGATE_STATS_BIND", variables.get("TICKGATE_STATS_BIND", STATS)),
        _tls(variables),
    )


def certificate_of(variables: Mapping[str, str]) -> str:
    """The absolute path of the certificate, where there is one."""
    return str(Path(variables.get("TICKGATE_CERT", "")).absolute())


def of_gateways(variables: Variables, unless_named: Sequence[str] = ()) -> list[Address]:
    """The addresses of the gateways: those that are named; an empty variable names none.

    ``unless_named`` are the first ones, as far as no variable says otherwise.

    Raises:
        DeployError: there are none, or one cannot be used.
    """
    if variables.get("TICKGATE_GATEWAYS", ""):
        raise DeployError(
            f"TICKGATE_GATEWAYS is for gateways that run elsewhere: `haproxy -f {files.HAPROXY}` goes to them; unset it"
            " for a cluster on this machine"
        )
    names = [f"TICKGATE_GATEWAY_{number}" for number in range(1, MOST_GATEWAYS + 1)]
    values = dict.fromkeys(names, "") | dict(zip(names, unless_named, strict=False))
    values = {variable: variables.get(variable, default) for variable, default in values.items()}
    addresses = [parse_address(variable, value) for variable, value in values.items() if value]
    if not addresses:
        raise DeployError("no gateway is named; set TICKGATE_GATEWAY_1, like 10.0.0.11:8081, and so on to _16")
    return addresses


def is_private(variables: Variables, listening: Listening) -> bool:
    """Whether only this machine reaches the front.

    Raises:
        DeployError: others do, nobody needs a token, and nothing says that this is meant.
    """
    if all(is_loopback(address.host) for address in (listening.bind, listening.tls) if address is not None):
        return True
    if variables.get("AUTH_MODE", "none").strip().lower() != "jwt" and variables.get("ALLOW_ANONYMOUS", "0") != "1":
        raise DeployError(
            "TICKGATE_BIND is not loopback and AUTH_MODE is none: anyone who reaches it could listen;"
            " set AUTH_MODE=jwt, or ALLOW_ANONYMOUS=1 if that is meant"
        )
    return False


def _tls(variables: Variables) -> Address | None:
    certificate = variables.get("TICKGATE_CERT", "")
    if not certificate:
        return None
    if not os.access(certificate, os.R_OK):
        raise DeployError(
            f"TICKGATE_CERT={certificate!r} cannot be read; name a PEM file of certificate, chain and key, or leave it"
            " unset to serve without TLS"
        )
    return parse_address("TICKGATE_TLS_BIND", variables.get("TICKGATE_TLS_BIND", TLS))
