"""What may stand in front of one gateway or some: HAProxy as it ships and in other ways, NGINX, Envoy."""

import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from bench.host.processes import Process, ProcessError, wait_until
from bench.host.trees import FRONT
from bench.servers.server import HOST, free_port

_READY_TIMEOUT_S = 10
_SETTLE_S = 1.5
_NOBODY = "127.0.0.1:1"
"""The addresses of the other gateways, where nothing ever listens."""
BEHIND = {"TRUSTED_PROXIES": "127.0.0.1,::1"}
"""Settings of a gateway behind most of them."""

HAPROXYS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "haproxy": (),
    "haproxy-splice": (("    mode http\n", "    mode http\n    option splice-auto\n"),),
    "haproxy-4k": (("tune.bufsize 16384", "tune.bufsize 4096\n    tune.maxrewrite 1024"),),
    "haproxy-64k": (("tune.bufsize 16384", "tune.bufsize 65536\n    tune.maxrewrite 1024"),),
    "haproxy-free": (("    tune.sndbuf.client 16384\n    tune.rcvbuf.server 65536\n", ""),),
    "haproxy-2-threads": (("    log stdout", "    nbthread 2\n    log stdout"),),
}
"""Name of each way -> what is replaced in ``haproxy.cfg``: `option splice-auto`, smaller and larger buffers of its own,
the kernel's buffers as they are, two threads on the one core."""
TCP: Final = "haproxy-tcp"
_ANNOUNCED: Final = "haproxy-tcp-proxy"
_TCP = """
global
    log stdout format raw local0 info
    fd-hard-limit 250000
    tune.sndbuf.client 16384
    tune.rcvbuf.server 65536
defaults
    mode tcp
    log global
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    {option}
frontend clients
    bind "$TICKGATE_BIND" backlog 4096 tcp-ut 20s
    maxconn 40000
    default_backend gateways
frontend ready
    mode http
    timeout http-request 5s
    bind "$TICKGATE_STATS_BIND"
    monitor-uri /readyz
    monitor fail if {{ nbsrv(gateways) eq 0 }}
backend gateways
    balance leastconn
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host gateway
    http-check disable-on-404
    default-server check inter 400ms fastinter 200ms downinter 400ms fall 2 rise 1
    server gateway-1 "$TICKGATE_GATEWAY_1" {send}
"""
"""Nothing is looked at but bytes. With ``send-proxy-v2`` each connection tells the gateway the client's address."""

ALL: Final = (*HAPROXYS, TCP, _ANNOUNCED, "haproxy-tcp-splice", "nginx", "envoy")


def behind(name: str) -> dict[str, str]:
    """Settings of a gateway behind the front of this name."""
    if name != _ANNOUNCED:
        return BEHIND
    # The bench asks from the same address, without a PROXY header.
    return {"GATEWAY_ACCEPT_PROXY": HOST, "GATEWAY_PRIVATE_PORT": str(free_port())}


class Front:
    """A context manager around the process of a front."""

    def __init__(self, root: Path, core: int, *gateway_ports: int, name: str = "haproxy") -> None:
        """Start it, before at most four gateways; ``name`` is one of `ALL`.

        ``haproxy.cfg`` is that of the tree at ``root``, others are of this one.

        Raises:
            ProcessError: it is not installed, or was not ready in time; the message has its last line.
        """
        self._name = name
        self.port, self._probe = free_port(), free_port()
        if not name.startswith(TCP):
            self._probe = self.port
        self._folder = Path(tempfile.mkdtemp(prefix="tickgate-bench-front-"))
        env = {
            "TICKGATE_BIND": f"{HOST}:{self.port}",
            "TICKGATE_STATS_BIND": f"{HOST}:{self._probe if name.startswith(TCP) else free_port()}",
            **{f"TICKGATE_GATEWAY_{number}": _NOBODY for number in (1, 2, 3, 4)},
            **{f"TICKGATE_GATEWAY_{number}": f"{HOST}:{port}" for number, port in enumerate(gateway_ports, 1)},
        }
        self._process = Process(self._command(name, root, env), core, env, root=root)
        self.pid = self._process.pid
        if not wait_until(lambda: self._ready() or not self._process.alive(), _READY_TIMEOUT_S) or not self._ready():
            complaint = f"{name} was not ready within {_READY_TIMEOUT_S} s: {self._process.complaint()}"
            self.__exit__()
            raise ProcessError(complaint)
        # It has noticed by then that the others do not answer.
        time.sleep(_SETTLE_S)

    def _command(self, name: str, root: Path, env: Mapping[str, str]) -> list[str]:
        if name in ("nginx", "envoy"):
            return self._of_template(name, env)
        program = find()
        if program is None:
            raise ProcessError("PATH has no haproxy; install it (Debian: apt-get install haproxy)")
        if name == "haproxy":
            return [program, "-db", "-f", FRONT]
        if name in HAPROXYS:
            text = (root / FRONT).read_text(encoding="utf-8")
            for old, new in HAPROXYS[name]:
                if old not in text:
                    raise ProcessError(f"{FRONT} has no {old.strip()!r} any more: see bench.servers.front")
                text = text.replace(old, new)
        else:
            option = "option splice-auto" if name.endswith("splice") else ""
            text = _TCP.format(option=option, send="send-proxy-v2" if name == _ANNOUNCED else "")
        file = self._folder / FRONT
        file.write_text(text, encoding="utf-8")
        return [program, "-db", "-f", str(file)]

    def _of_template(self, name: str, env: Mapping[str, str]) -> list[str]:
        # The launcher's, which a copied tree may lack.
        from deploy.errors import DeployError
        from deploy.fronts import addresses, envoy, nginx, values
        from deploy.settings import Variables

        variables = Variables(env)
        try:
            front = values.read(env, addresses.of_front(variables), addresses.of_gateways(variables))
            if name == "nginx":
                *command, _ = nginx.command(front, self._folder)
                file = self._folder / "nginx.conf"
                text = file.read_text(encoding="utf-8")
                file.write_text(text.replace("worker_processes auto", "worker_processes 1"), encoding="utf-8")
                # One process, whose CPU time is all of it.
                return [*command, "daemon off; master_process off;"]
            return [*envoy.command(front, self._folder), "--concurrency", "1"]
        except DeployError as error:
            raise ProcessError(str(error)) from None

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self._probe}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()
        if self._name == "envoy":
            from deploy.fronts import envoy

            envoy.forget(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)


def find() -> str | None:
    """The HAProxy program, or None. Debian has it outside the ``PATH`` of ordinary users."""
    return shutil.which("haproxy", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
