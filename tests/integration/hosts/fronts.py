"""The fronts that a platform of several hosts can have, by name: HAProxy, NGINX and Envoy, each as we configure it."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGUSR1
from typing import Final

from deploy import files
from deploy.fronts import chosen, values
from deploy.fronts.addresses import Listening
from deploy.fronts.envoy import find_envoy
from deploy.fronts.nginx import find_nginx
from deploy.launcher.programs import find_haproxy
from deploy.ports import Address
from tests.integration.hosts.network import Host, ask
from tests.integration.stacks import environment, eventually

FRONTS: Final[Mapping[str, Callable[[], str | None]]] = {
    "haproxy": find_haproxy,
    "nginx": find_nginx,
    "envoy": find_envoy,
}
"""What finds the program of each."""

_STATS = Address("127.0.0.1", 8404, "TICKGATE_STATS_BIND")
"""On the loopback interface of the front's host."""


class Front:
    """One of them, on a host of its own; it may be started again there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._started: chosen.Started | None = None
        """Its configuration lasts as long as this."""

    async def start(self, host: Host, port: int, gateways: Sequence[Address]) -> None:
        """Start it; return when it passes clients on to each of ``gateways``."""
        if self.name == "haproxy":
            await self._start_haproxy(host, port, gateways)
        else:
            if self.name == "nginx":
                set_kernel(host, wanted_of_the_kernel())
            front = values.read({}, Listening(Address(host.address, port, "TICKGATE_BIND"), _STATS, None), gateways)
            self._started = its = chosen.start(self.name, front)
            await host.start(self.name, its.command, environment(), stop_signal=its.stop_signal)
        await eventually(lambda: self._uses_all(host, port, gateways), within_s=30)

    async def _start_haproxy(self, host: Host, port: int, gateways: Sequence[Address]) -> None:
        program = find_haproxy()
        assert program is not None
        settings = {f"TICKGATE_GATEWAY_{number}": "" for number in range(1, 5)} | {"TICKGATE_DNS": "0"}
        settings |= {f"TICKGATE_GATEWAY_{number}": str(gateway) for number, gateway in enumerate(gateways, 1)}
        env = environment(TICKGATE_BIND=f"{host.address}:{port}", **settings)
        await host.start("haproxy", (program, "-db", "-f", str(files.HAPROXY)), env, stop_signal=SIGUSR1)

    async def _uses_all(self, host: Host, port: int, gateways: Sequence[Address]) -> bool:
        match self.name:
            case "haproxy":
                up, path = r"^gateways,gateway-\d,.*,UP,", "/stats;csv"
            case "envoy":
                up, path = r"::health_flags::healthy$", "/clusters"
            case _:
                # NGINX asks no gateway: all of them are in use unless one has just refused.
                text = await ask(host.namespace, host.address, port, "/readyz") or ""
                return text.split()[1:2] == ["200"]
        text = await ask(host.namespace, _STATS.host, _STATS.port, path) or ""
        return len(re.findall(up, text, re.MULTILINE)) == len(gateways)


def wanted_of_the_kernel() -> dict[str, str]:
    """What ``nginx.conf`` asks of the kernel of its host: name → value."""
    lines = [line for line in files.NGINX.read_text(encoding="utf-8").splitlines() if " sysctl -w " in line]
    found = dict(re.findall(r"net\.ipv4\.(\w+)=(\d+)", "".join(lines)))
    assert found, "nginx.conf names no sysctl"
    return found


def set_kernel(host: Host, wanted: Mapping[str, str]) -> None:
    """Set these of ``net.ipv4`` on a host."""
    with host.namespace.entered():
        for name, value in wanted.items():
            Path("/proc/sys/net/ipv4", name).write_text(value, encoding="ascii")
