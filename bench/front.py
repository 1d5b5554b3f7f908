"""HAProxy as it ships, ``haproxy.cfg`` of a tree, in front of one gateway or some."""

import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from bench.processes import Process, ProcessError, wait_until
from bench.server import HOST, free_port
from bench.trees import FRONT

_READY_TIMEOUT_S = 10
_SETTLE_S = 1.5
_NOBODY = "127.0.0.1:1"
"""The addresses of the other gateways, where nothing ever listens."""
BEHIND = {"TRUSTED_PROXIES": "127.0.0.1,::1"}
"""Settings of a gateway behind it."""


class Front:
    """A context manager around HAProxy's process."""

    def __init__(self, root: Path, core: int, *gateway_ports: int) -> None:
        """Start it, before at most four gateways.

        Raises:
            ProcessError: it is not installed, or was not ready in time; the message has its last line.
        """
        self.port = free_port()
        program = find()
        if program is None:
            raise ProcessError("PATH has no haproxy; install it (Debian: apt-get install haproxy)")
        env = {
            "TICKGATE_BIND": f"{HOST}:{self.port}",
            "TICKGATE_STATS_BIND": f"{HOST}:{free_port()}",
            **{f"TICKGATE_GATEWAY_{number}": _NOBODY for number in (1, 2, 3, 4)},
            **{f"TICKGATE_GATEWAY_{number}": f"{HOST}:{port}" for number, port in enumerate(gateway_ports, 1)},
        }
        self._process = Process([program, "-db", "-f", FRONT], core, env, root=root)
        self.pid = self._process.pid
        if not wait_until(lambda: self._ready() or not self._process.alive(), _READY_TIMEOUT_S) or not self._ready():
            complaint = f"HAProxy was not ready within {_READY_TIMEOUT_S} s: {self._process.complaint()}"
            self._process.end()
            raise ProcessError(complaint)
        # HAProxy has noticed by then that the others do not answer.
        time.sleep(_SETTLE_S)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()


def find() -> str | None:
    """The HAProxy program, or None. Debian has it outside the ``PATH`` of ordinary users."""
    return shutil.which("haproxy", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
