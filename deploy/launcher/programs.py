"""The programs of a stack: command, environment and addresses of each."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from signal import SIGUSR1

from deploy import files
from deploy.buses.registry import local_bus
from deploy.buses.servers import BusServers
from deploy.errors import DeployError
from deploy.fronts import addresses, chosen, direct, values
from deploy.launcher.pollers import pollers_of, symbols_of, venues_of
from deploy.ports import Address, parse_address
from deploy.process.program import Program as Program
from deploy.settings import Variables
from market.prices.symbols import DEFAULT_SYMBOLS
from market.prices.venues import DEFAULT_VENUE
from market.settings.config import HAPROXYS

FRONT, GATEWAYS, STATS, TLS = addresses.FRONT, addresses.GATEWAYS, addresses.STATS, addresses.TLS
"""The default addresses of ``haproxy.cfg``, and of the gateways of a cluster."""

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
    public: Address | None = None
    """Where all gateways listen, if nothing stands before them."""

    def __iter__(self) -> Iterator[Program]:
        """In the order in which they are started."""
        fronts = self.haproxy, self.other_front
        for program in (*(self.bus or ()), self.poller, *self.other_pollers, *self.gateways, *fronts):
            if program is not None:
                yield program

    @property
    def front(self) -> Address:
        """Where clients connect."""
        return self.public or (self.haproxy or self.other_front or self.gateways[0]).listens[0]

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


def plan_cluster(environ: Mapping[str, str]) -> Plan:
    """Gateways, four by default, each a gunicorn with one worker, behind a front, at the addresses of ``haproxy.cfg``.

    Raises:
        DeployError: a variable that cannot be used, or a program that is not installed.
    """
    variables = Variables(environ)
    if variables.get("TICKGATE_GATEWAY_CA", ""):
        raise DeployError(
            "TICKGATE_GATEWAY_CA is for gateways on other machines, and those of a cluster are on this one; unset it"
        )
    of_gateways = addresses.of_gateways(variables, GATEWAYS)
    listening = addresses.of_front(variables)
    require_gunicorn()
    name = chosen.front_of(variables.both)
    front = None if name == chosen.DIRECT else _front(name, variables, of_gateways, listening)
    public = direct.public_address(listening) if front is None else None
    venues = venues_of(variables.both)
    defaults = {
        "SYMBOLS": CLUSTER_SYMBOLS if venues == (DEFAULT_VENUE,) else symbols_of(venues, CLUSTER_SYMBOLS),
        "DRAIN_SECONDS": _CLUSTER_DRAIN_S,
        **({"TRUSTED_PROXIES": _CLUSTER_PROXIES} if public is None else {}),
    }
    # Behind a proxy a gateway cannot know whether other machines reach it.
    if addresses.is_private(variables, listening):
        defaults["ALLOWED_HOSTS"] = "localhost"
    bus, env = _bus(variables, defaults)
    poller, *others = _pollers(venues, variables, env)
    return Plan(
        bus=bus,
        poller=poller,
        other_pollers=tuple(others),
        gateways=tuple(
            _gateway(
                address.variable.removeprefix("TICKGATE_").lower().replace("_", "-"),
                GUNICORN,
                address,
                env,
                direct.environ_of(variables.both, public, address, listening) if public else {},
            )
            for address in of_gateways
        ),
        haproxy=front if name == chosen.HAPROXY else None,
        other_front=None if name == chosen.HAPROXY else front,
        public=public,
        restart=True,
        tls=listening.tls,
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


def _gateway(
    name: str, command: tuple[str, ...], address: Address, env: Mapping[str, str], own: Mapping[str, str] | None = None
) -> Program:
    return Program(
        name=name,
        command=command,
        env={**env, "GATEWAY_HOST": address.host, "GATEWAY_PORT": str(address.port), **(own or {})},
        listens=(address,),
        ready_path="/readyz",
    )


def _front(name: str, variables: Variables, gateways: list[Address], at: addresses.Listening) -> Program:
    listens = tuple(address for address in at if address is not None)
    if name != chosen.HAPROXY:
        command, soft_stop, keeps = chosen.start(name, values.read(variables.both, at, gateways))
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
    certificate = {} if at.tls is None else {"TICKGATE_CERT": addresses.certificate_of(variables.both)}
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
