"""A server under test: start it on its core, wait until it is ready, and read /proc."""

import socket
import urllib.error
import urllib.request
from random import Random
from typing import Self

from bench.host import machine
from bench.host.processes import Process, ProcessError, wait_until
from bench.servers.contenders import Contender, WriteRate

HOST = "127.0.0.1"
_READY_TIMEOUT_S = 20


class Server:
    """A context manager around one contender's process."""

    def __init__(
        self,
        contender: Contender,
        core: int,
        bus_url: str,
        clients: int,
        rate: WriteRate | None,
        env: dict[str, str],
    ) -> None:
        """Start it.

        Raises:
            ProcessError: it was not ready in time; the message has its last line.
        """
        self.port = free_port()
        self._asked = int(env.get("GATEWAY_PRIVATE_PORT", self.port))
        """Where it says whether it is ready, and its metrics."""
        argv, settings = contender.command(self.port, bus_url, clients, rate)
        self._process = Process(argv, core, {**settings, **env}, root=contender.root)
        self.pid = self._process.pid
        path = contender.ready_path
        if not wait_until(lambda: self._ready(path) or not self._process.alive(), _READY_TIMEOUT_S):
            complaint = f"{contender.name} was not ready within {_READY_TIMEOUT_S} s: {self._process.complaint()}"
            self._process.end()
            raise ProcessError(complaint)
        self.check(contender.name)

    def check(self, name: str) -> None:
        """Check that it still runs.

        Raises:
            ProcessError: it ended; the message has its last line.
        """
        if not self._process.alive():
            complaint = f"{name} ended: {self._process.complaint()}"
            self._process.end()
            raise ProcessError(complaint)

    def _ready(self, path: str) -> bool:
        try:
            if not path:
                socket.create_connection((HOST, self._asked), 1).close()
                return True
            with urllib.request.urlopen(f"http://{HOST}:{self._asked}{path}", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def rss_bytes(self) -> int:
        """Its resident memory now."""
        return machine.rss_bytes(self.pid)

    def metrics(self) -> dict[str, float]:
        """Its Prometheus samples by full name, including labels; empty if it has none."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self._asked}/metrics", timeout=2) as answer:
                lines = answer.read().decode().splitlines()
        except (OSError, urllib.error.URLError):
            return {}
        samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()


def free_port() -> int:
    """A free port, below those that the kernel gives to clients, so that none of our clients takes it."""
    random = Random()
    for _ in range(100):
        port = random.randrange(12_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ProcessError("no free port between 12000 and 30000")
