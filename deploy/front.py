"""``tickgate front``: the configuration of a front, made of the variables."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from deploy.errors import DeployError
from deploy.fronts import envoy, nginx, values
from deploy.fronts.addresses import addresses_of_gateways
from deploy.ports import parse_address
from deploy.programs import FRONT, GATEWAYS, STATS, balancer_tls
from deploy.settings import Variables
from market.process.printable import complain
from market.process.usage import Parser, of_settings

MADE: Final = {"nginx": nginx.configuration, "envoy": envoy.configuration}
"""What makes the configuration of each front that reads no environment."""
SETTINGS: Final = {
    "TICKGATE_BIND": "where clients connect: 127.0.0.1:8080",
    "TICKGATE_CERT": "certificate, chain and key, in one PEM file",
    "TICKGATE_GATEWAY_1": "the first gateway: 127.0.0.1:8081; and so on to 16",
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
        bind = parse_address("TICKGATE_BIND", variables.get("TICKGATE_BIND", FRONT))
        stats = parse_address("TICKGATE_STATS_BIND", variables.get("TICKGATE_STATS_BIND", STATS))
        tls = balancer_tls(variables)
        gateways = addresses_of_gateways(variables, GATEWAYS)
        made = MADE[options.front](values.read(variables.both, bind, stats, tls, gateways))
    except DeployError as error:
        complain(f"{program}: {error}")
        return 2
    sys.stdout.write(made)
    return 0
