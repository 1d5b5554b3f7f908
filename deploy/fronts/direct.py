"""No front: gateways share the public port, each by a socket of its own, and end TLS themselves."""

from collections.abc import Mapping

from deploy.errors import DeployError
from deploy.fronts.addresses import Listening, certificate_of
from deploy.ports import Address

_OF_FRONTS = ("TICKGATE_TRUSTED_PROXIES", "TICKGATE_ACCEPT_PROXY")
"""What a gateway without a front has variables of its own for, or lacks."""


def public_address(at: Listening) -> Address:
    """Where all gateways listen: with a certificate only for TLS."""
    return at.tls or at.bind


def environ_of(variables: Mapping[str, str], public: Address, private: Address, at: Listening) -> dict[str, str]:
    """The variables of the gateway whose readiness and metrics are at ``private``.

    Raises:
        DeployError: a variable that only a front understands.
    """
    for name in _OF_FRONTS:
        if variables.get(name):
            raise DeployError(
                f"{name} is for a front, and FRONT=direct is none: behind a balancer of HTTP set TRUSTED_PROXIES,"
                " behind one with the PROXY protocol GATEWAY_ACCEPT_PROXY"
            )
    return {
        "GATEWAY_HOST": public.host,
        "GATEWAY_PORT": str(public.port),
        "GATEWAY_REUSE_PORT": "1",
        "GATEWAY_PRIVATE_HOST": private.host,
        "GATEWAY_PRIVATE_PORT": str(private.port),
        **({"GATEWAY_TLS_CERT": certificate_of(variables)} if at.tls else {}),
    }
