"""The programs of a stack: command, environment and addresses of each."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGUSR1

from deploy import files
from deploy.buses.registry import local_bus
from deploy.buses.servers import BusServers
from deploy.errors import DeployError
from deploy.fronts import chosen, values
from deploy.fronts.addresses import addresses_of_gateways
from deploy.pollers import pollers_of, symbols_of, venues_of
from deploy.ports import Address, parse_address
from deploy.program import Program as Program
from deploy.settings import Variables
from gateway.admission.address import is_loopback
from market.prices.symbols import DEFAULT_SYMBOLS
from market.prices.venues import DEFAULT_VENUE
from market.settings.config import HAPROXYS

FRONT = "127.0.0.1:8080"
GATEWAYS = ("127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:8083", "127.0.0.1:8084")
STATS = "127.0.0.1:8404"
TLS = "127.0.0.1:8443"
"""The default addresses of ``haproxy.cfg``."""

_CLUSTER_DRAIN_S = "2"
"""The time of several checks by HAProxy; less than a deployment's default, so that Ctrl-C is quick."""
_CLUSTER_PROXIES = "127.0.0.1,::1"
"""The addresses from which HAProxy connects to the gateways."""
CLUSTER_SYMBOLS = f"@{files.SYMBOLS}"

PYTHON = (sys.executable, "-P", "-m")
"""Runs a module. -P: what lies about in the working directory is imported by nobody."""
GUNICORN = (*PYTHON, "gunicorn", "--config", str(files.GUNICORN), "gateway.app:app_factory")
"""A gateway under gunicorn."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All programs of one stack."""

    bus: BusServers | None
    """None if ``BUS_URL`` names one that runs already."""
    poller: Program
    """The first venue's."""
    gateways: tuple[Program, ...]
    haproxy: Program | None
    """None if another front is in its place, or clients connect directly to a gateway."""
    restart: bool
    """Whether a program that ended by itself is started again."""
    tls: Address | None = None
    """The address where clients connect over TLS; None without TLS."""
    other_pollers: tuple[Program, ...] = ()
    """The other venues'."""
    other_front: Program | None = None
    """What stands in HAProxy's place, see `deploy.fronts`."""

    def __iter__(self) -> Iterator[Program]:
        """In the order in which they are started."""
        fronts = self.haproxy, self.other_front
        for program in (*(self.bus or ()), self.poller, *self.other_pollers, *self.gateways, *fronts):
            if program is not None:
                yield program

    @property
    def front(self) -> Address:
        """Where clients connect."""
        return (self.haproxy or self.other_front or self.gateways[0]).listens[0]

    @property
    def url(self) -> str:
        """The address for people to open."""
        return f"https://{self.tls}" if self.tls else f"http://{self.front}"


def plan_run(environ: Mapping[str, str]) -> Plan:
    """One gateway on ``GATEWAY_HOST`` and ``GATEWAY_PORT``.

    Raises:
        DeployError: a variable that cannot be used, or a program that is not installed.
    """
    variables = Variables(environ)
    host, port = variables.get("GATEWAY_HOST", "127.0.0.1"), variables.get("GATEWAY_PORT", "8080")
    address = parse_address("GATEWAY_PORT", f"{host}:{port}")
    # No load balancer needs time to notice that it leaves.
    venues = venues_of(variables.both)
    defaults = {"DRAIN_SECONDS": "0"}
    if venues != (DEFAULT_VENUE,):
        defaults["SYMBOLS"] = symbols_of(venues, ",".join(DEFAULT_SYMBOLS))
    bus, env = _bus(variables, defaults)
    poller, *others = _pollers(venues, variables, env)
    return Plan(
        bus=bus,
        poller=poller,
        other_pollers=tuple(others),
        gateways=(_gateway("gateway", (*PYTHON, "gateway"), address, env),),
        haproxy=None,
        restart=True,
    )


def is_private(variables: Variables, tls: Address | None) -> bool:
    """Whether only this machine reaches the balancer, which listens for TLS at ``tls``.

    Raises:
        DeployError: others do, nobody needs a token, and nothing says that this is meant.
    """
    front = parse_address("TICKGATE_BIND", variables.get("TICKGATE_BIND", FRONT))
    if all(is_loopback(address.host) for address in (front, tls) if address is not None):
        return True
    if variables.get("AUTH_MODE", "none").strip().lower() != "jwt" and variables.get("ALLOW_ANONYMOUS", "0") != "1":
        raise DeployError(
            "TICKGATE_BIND is not loopback and AUTH_MODE is none: anyone who reaches it could listen;"
            " set AUTH_MODE=jwt, or ALLOW_ANONYMOUS=1 if that is meant"
        )
    return False


def plan_cluster(environ: Mapping[str, str]) -> Plan:
    """Gateways, four by default, each a gunicorn with one worker, behind a front, at the addresses of ``haproxy.cfg``.

    Raises:
        DeployError: a variable that cannot be used, or a program that is not installed.
    """
    variables = Variables(environ)
    addresses = addresses_of_gateways(variables, GATEWAYS)
    tls = balancer_tls(variables)
    require_gunicorn()
    front = _front(variables, addresses, tls)
    venues = venues_of(variables.both)
    defaults = {
        "SYMBOLS": CLUSTER_SYMBOLS if venues == (DEFAULT_VENUE,) else symbols_of(venues, CLUSTER_SYMBOLS),
        "DRAIN_SECONDS": _CLUSTER_DRAIN_S,
        "TRUSTED_PROXIES": _CLUSTER_PROXIES,
    }
    # Behind a proxy a gateway cannot know whether other machines reach it.
    if is_private(variables, tls):
        defaults["ALLOWED_HOSTS"] = "localhost"
    bus, env = _bus(variables, defaults)
    poller, *others = _pollers(venues, variables, env)
    return Plan(
        bus=bus,
        poller=poller,
        other_pollers=tuple(others),
        gateways=tuple(
            _gateway(address.variable.removeprefix("TICKGATE_").lower().replace("_", "-"), GUNICORN, address, env)
            for address in addresses
        ),
        haproxy=front if front.name == chosen.HAPROXY else None,
        other_front=None if front.name == chosen.HAPROXY else front,
        restart=True,
        tls=tls,
    )


def find_haproxy() -> str | None:
    """The HAProxy program, or None. Debian has it outside the ``PATH`` of ordinary users."""
    return shutil.which("haproxy", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


def _bus(variables: Variables, defaults: Mapping[str, str]) -> tuple[BusServers | None, dict[str, str]]:
    """The servers of the bus to start, if any, and the environment of all programs that use the bus."""
    environ = variables.environ_with(defaults)
    bus = local_bus(variables.both, environ)
    return bus, environ if bus is None else {**environ, **bus.variables}


def require_gunicorn() -> None:
    """Refuse a cluster without gunicorn.

    Raises:
        DeployError: it is not installed.
    """
    if importlib.util.find_spec("gunicorn") is None:
        raise DeployError("gunicorn is not installed; pip install 'tickgate[cluster]'")


def _pollers(venues: Sequence[str], variables: Variables, env: Mapping[str, str]) -> list[Program]:
    command = (*PYTHON, "poller")
    return [Program(name=name, command=command, env={**env, **own}) for name, own in pollers_of(venues, variables.both)]


def _gateway(name: str, command: tuple[str, ...], address: Address, env: Mapping[str, str]) -> Program:
    return Program(
        name=name,
        command=command,
        env={**env, "GATEWAY_HOST": address.host, "GATEWAY_PORT": str(address.port)},
        listens=(address,),
        ready_path="/readyz",
    )


def balancer_tls(variables: Variables) -> Address | None:
    """The address where HAProxy listens for TLS, if it has a certificate."""
    certificate = variables.get("TICKGATE_CERT", "")
    if not certificate:
        return None
    if not os.access(certificate, os.R_OK):
        raise DeployError(
            f"TICKGATE_CERT={certificate!r} cannot be read; name a PEM file of certificate, chain and key, or leave it"
            " unset to serve without TLS"
        )
    return parse_address("TICKGATE_TLS_BIND", variables.get("TICKGATE_TLS_BIND", TLS))


def _front(variables: Variables, gateways: list[Address], tls: Address | None) -> Program:
    name = chosen.front_of(variables.both)
    front = parse_address("TICKGATE_BIND", variables.get("TICKGATE_BIND", FRONT))
    stats = parse_address("TICKGATE_STATS_BIND", variables.get("TICKGATE_STATS_BIND", STATS))
    listens = (front, stats) if tls is None else (front, stats, tls)
    if name != chosen.HAPROXY:
        started = chosen.start(name, values.read(variables.both, front, stats, tls, gateways))
        command, soft_stop, keeps = started
        return Program(
            name=name,
            command=command,
            env=variables.environ,
            listens=listens,
            ready_path="/readyz",
            stop_signal=soft_stop,
            keeps=keeps,
        )
    program = find_haproxy()
    if program is None:
        raise DeployError("PATH has no haproxy; install it (Debian: apt-get install haproxy)")
    certificate = {} if tls is None else {"TICKGATE_CERT": str(Path(variables.get("TICKGATE_CERT", "")).absolute())}
    return Program(
        name="haproxy",
        # -db: one process in the foreground, so that we see its signals and its end.
        command=(program, "-db", "-f", str(files.HAPROXY)),
        env={
            # Its gateways are on this machine, and a name server need not know its names.
            "TICKGATE_DNS": "0",
            # It does not read our file.
            **{name: value for name, value in variables.file.items() if name in HAPROXYS},
            **variables.environ,
            **certificate,
            **{address.variable: str(address) for address in (*listens, *gateways)},
        },
        listens=listens,
        ready_path="/readyz",
        # A soft stop: it stops listening, and stays until its connections end.
        stop_signal=SIGUSR1,
    )
