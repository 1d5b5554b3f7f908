"""Where the gateways are that a front has behind it."""

from collections.abc import Sequence
from typing import Final

from deploy import files
from deploy.errors import DeployError
from deploy.ports import Address, parse_address
from deploy.settings import Variables

MOST_GATEWAYS: Final = 16


def addresses_of_gateways(variables: Variables, defaults: Sequence[str]) -> list[Address]:
    """The addresses of the gateways. An empty variable counts as unset.

    Raises:
        DeployError: there are none, or one cannot be used.
    """
    if variables.get("TICKGATE_GATEWAYS", ""):
        raise DeployError(
            f"TICKGATE_GATEWAYS is for gateways that run elsewhere: `haproxy -f {files.HAPROXY}` goes to them; unset it"
            " for a cluster on this machine"
        )
    names = [f"TICKGATE_GATEWAY_{number}" for number in range(1, MOST_GATEWAYS + 1)]
    values = dict.fromkeys(names, "") | dict(zip(names, defaults, strict=False))
    values = {variable: variables.get(variable, default) for variable, default in values.items()}
    addresses = [parse_address(variable, value) for variable, value in values.items() if value]
    if not addresses:
        raise DeployError("TICKGATE_GATEWAY_1 and all others are empty; set one, like 127.0.0.1:8081")
    return addresses
