"""What is soaked: a Valkey, a poller and gateways, as programs on free ports, with settings that make much happen."""

import sys
from typing import Final

from deploy.buses.servers import BusServers
from deploy.buses.valkey import server
from deploy.launcher.programs import CLUSTER_SYMBOLS, Plan
from deploy.ports import Address, free_port
from deploy.process.program import Program
from market.prices.symbols import parse_symbols
from tests.integration.stacks import environment
from tests.soak.endpoints import Endpoint

HOST: Final = "127.0.0.1"

SYMBOLS: Final = tuple(parse_symbols(CLUSTER_SYMBOLS))[:20]

MOST_BUS_LINKS: Final = 10
"""Of one process: one that listens or publishes, and a pool for questions to the store, which opens another one when
several are asked at once, up to eight, and keeps it."""

_SETTINGS: Final = {
    "FEED": "simulated",
    "SYMBOLS": ",".join(SYMBOLS),
    "LOG_FORMAT": "json",
    # Short, so that all of them are waited for again and again.
    "HEARTBEAT_S": "8",
    "LAG_TIMEOUT_S": "3",
    "MESSAGE_TIMEOUT_S": "3",
    "HANDSHAKE_TIMEOUT_S": "2",
    "AUTH_TIMEOUT_S": "2",
    "DRAIN_SECONDS": "1.5",
    "MAX_MESSAGE_BYTES": "65536",
    # So high that no churn comes near them, but not so high that counts which only grow would not.
    "MAX_CONNECTIONS_PER_IP": "1000",
    "MAX_CONNECT_RATE_PER_IP": "10000",
    "MAX_CONNECTIONS_PER_SUBJECT": "300",
}


def plan(gateways: int, ticks_per_s: int, secret: str) -> Plan:
    """Valkey, poller, and so many gateways, of which every second asks for tokens signed with ``secret``.

    Raises:
        DeployError: there is no Valkey.
    """
    bus = Address(HOST, free_port(), "BUS_URL")
    env = environment(**_SETTINGS, BUS_URL=f"redis://{bus}/0", SIM_TICKS_PER_S=str(ticks_per_s))
    return Plan(
        bus=BusServers(((server("valkey", bus, env),),), {}),
        poller=Program(name="poller", command=(sys.executable, "-m", "poller"), env=env),
        gateways=tuple(_gateway(number, env, secret) for number in range(1, gateways + 1)),
        haproxy=None,
        # Whoever ends does so because we want it, or it is a fault.
        restart=False,
    )


def endpoint(gateway: Program) -> Endpoint:
    """Where clients of ``gateway`` knock."""
    address = gateway.listens[0]
    return Endpoint(address.host, address.port, gateway.env.get("AUTH_MODE") == "jwt")


def bus_of(plan: Plan) -> Address:
    """Where the bus of ``plan`` is."""
    assert plan.bus is not None
    return next(iter(plan.bus)).listens[0]


def _gateway(number: int, env: dict[str, str], secret: str) -> Program:
    address = Address(HOST, free_port(), "GATEWAY_PORT")
    keys = {"AUTH_MODE": "jwt", "JWT_SECRET": secret} if number % 2 == 0 else {}
    return Program(
        name=f"gateway-{number}",
        command=(sys.executable, "-m", "gateway"),
        env={**env, **keys, "GATEWAY_HOST": address.host, "GATEWAY_PORT": str(address.port)},
        listens=(address,),
        ready_path="/readyz",
    )
