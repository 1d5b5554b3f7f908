"""``python -m deploy.health gateway|poller``: ask the program in this container whether it is alive, for health checks.

The exit code is 0 if it is, 1 if it is not, 2 if it cannot be asked. The port is the one that the program itself has,
from the same variables and the same file.
"""

import os
import ssl
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final

from market.errors import MarketError
from market.process.printable import complain
from market.process.usage import Parser
from market.settings.config import layered

PATIENCE_S: Final = 3.0
"""Below the timeouts of the health checks of ``deploy/docker`` and ``deploy/helm``, so that the reason is printed."""
PORTS: Final = {"gateway": "GATEWAY_PORT", "poller": "POLLER_METRICS_PORT"}
_GATEWAYS_PORT: Final = "8080"
_EVERY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


def connection_of(role: str, variables: Mapping[str, str]) -> HTTPConnection | None:
    """How to ask this program; None if no port of it answers such a question."""
    if role == "poller":
        port = int(variables.get("POLLER_METRICS_PORT") or 0)
        host = variables.get("POLLER_METRICS_HOST") or "127.0.0.1"
        return HTTPConnection(_EVERY.get(host, host), port, timeout=PATIENCE_S) if port else None
    if private := int(variables.get("GATEWAY_PRIVATE_PORT") or 0):
        host = variables.get("GATEWAY_PRIVATE_HOST") or "127.0.0.1"
        return HTTPConnection(_EVERY.get(host, host), private, timeout=PATIENCE_S)
    host = variables.get("GATEWAY_HOST") or "127.0.0.1"
    host, port = _EVERY.get(host, host), int(variables.get("GATEWAY_PORT") or _GATEWAYS_PORT)
    if not variables.get("GATEWAY_TLS_CERT"):
        return HTTPConnection(host, port, timeout=PATIENCE_S)
    # Its certificate is for its public name. This asks the machine itself, and says nothing that is secret.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=PATIENCE_S, context=context)


def main(arguments: Sequence[str] | None = None, program: str = "python -m deploy.health") -> int:
    """Ask once; return the exit code."""
    parser = Parser(program, "Ask the gateway or poller of this machine whether it is alive. Exit code 0: it is.")
    parser.add_argument("role", choices=list(PORTS), help="which of the two")
    role = parser.parse_args(arguments).role
    try:
        with layered(os.environ) as variables:
            connection = connection_of(role, variables)
    except (MarketError, ValueError) as error:
        complain(f"{program}: {error}")
        return 2
    if connection is None:
        complain(f"{program}: {PORTS[role]} is not set, so nothing answers; set it to a free port")
        return 2
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        complain(f"{program}: the {role} does not answer ({error})")
        return 1
    finally:
        connection.close()
    if status != 200:
        complain(f"{program}: the {role} answers {status}")
    return int(status != 200)


if __name__ == "__main__":
    sys.exit(main())
