"""``tickgate front``: the configuration of a front, made of the variables."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from deploy.errors import DeployError
from deploy.fronts import addresses, envoy, nginx, values
from deploy.settings import Variables
from market.process.printable import complain
from market.process.usage import Parser, of_settings

MADE: Final = {"nginx": nginx.configuration, "envoy": envoy.configuration}
"""What makes the configuration of each front that reads no environment."""
SETTINGS: Final = {
    "TICKGATE_BIND": "where clients connect: 127.0.0.1:8080",
    "TICKGATE_CERT": "certificate, chain and key, in one PEM file",
    "TICKGATE_GATEWAY_1": "the first gateway: 10.0.0.11:8081; and so on to 16",
    "TICKGATE_GATEWAY_CA": "who signs the certificates of the gateways, for an encrypted way to them",
    "TICKGATE_TRUSTED_PROXIES": "proxies whose X-Forwarded-For is believed",
}


def main(arguments: Sequence[str], program: str = "tickgate front") -> int:
    """Print it; return the exit code, 2 where it cannot be made."""
    parser = Parser(
        program,
        "Print the configuration of a front, made of the same variables that haproxy.cfg reads:\n"
        "tickgate front nginx > nginx.conf",
        of_settings(SETTINGS),
    )
    parser.add_argument("front", choices=list(MADE), help="the program that is to read it")
    options = parser.parse_args(arguments)
    try:
        variables = Variables(os.environ)
        listening, gateways = addresses.of_front(variables), addresses.of_gateways(variables)
        made = MADE[options.front](values.read(variables.both, listening, gateways))
    except DeployError as error:
        complain(f"{program}: {error}")
        return 2
    sys.stdout.write(made)
    return 0
