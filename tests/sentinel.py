"""Three real Sentinels with a primary and two replicas, to be killed, frozen, cut off and failed over by tests."""

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from deploy.buses.sentinel import MASTER, SENTINELS, SERVERS, replication_options, sentinel_config
from deploy.buses.valkey import valkey_server
from deploy.ports import Address, free_port

Credentials = tuple[str | None, str | None]
"""User and password."""

DOWN_AFTER_MS = 1_000
USER = ("prices", "open-sesame")
"""A user of the data servers beside the default one."""
_WHOLE_S = 30.0


class Server:
    """One process, on one port that it keeps."""

    def __init__(self, *arguments: str, address: Address, us: Credentials = (None, None)) -> None:
        self.address = address
        self._command = (valkey_server(), *arguments)
        self._username, self._password = us
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.address.port

    def start(self) -> None:
        """Start it; it takes connections when this returns. Does nothing if it runs."""
        if self._process is None:
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _wait(self._answers)

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does. Does nothing if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop its process where it stands: the kernel still takes connections and bytes, no answer comes."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._send(signal.SIGCONT)

    def command(self, *words: str | bytes | int) -> Any:
        """Send one command on a connection of its own, and give its answer."""
        with Redis(port=self.port, username=self._username, password=self._password, socket_timeout=5) as client:
            return client.execute_command(*words)

    def last_values(self) -> dict[bytes, bytes]:
        """The hash of newest payloads, as it stands."""
        values: dict[bytes, bytes] = self.command("HGETALL", "ticks")
        return values

    def cut_off(self) -> None:
        """Serve neither Sentinels nor replicas any more, and everybody else as before: a partition.

        Both are the default user here. So clients of this test need a user of their own (`USER`).
        """
        self.command("ACL", "SETUSER", "default", "-@all")
        self.command("CLIENT", "KILL", "TYPE", "replica")

    def let_in(self) -> None:
        """End what `cut_off` began."""
        self.command("ACL", "SETUSER", "default", "+@all")

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._process.pid, number)

    def _answers(self) -> bool:
        try:
            return self.command("PING") in (b"PONG", True)
        except RedisError:
            return False


class Sentinels:
    """All of them, and the URL by which a bus finds the primary."""

    def __init__(
        self,
        folder: Path,
        *,
        down_after_ms: int = DOWN_AFTER_MS,
        options: Sequence[str] = (),
        password: str | None = None,
        sentinel_password: str | None = None,
    ) -> None:
        """Sentinels keep files in ``folder``. ``options`` are words of each data server's command line."""
        places = [Address("127.0.0.1", free_port(), "") for _ in range(SERVERS + SENTINELS)]
        servers, sentinels = places[:SERVERS], places[SERVERS:]
        secured = ("--requirepass", password, "--primaryauth", password) if password else ()
        self.servers = []
        for address in servers:
            follow = () if address == servers[0] else ("--replicaof", f"127.0.0.1 {servers[0].port}")
            words = ("--port", str(address.port), "--bind", "127.0.0.1", "--save", "", *follow, *secured, *options)
            words += ("--user", USER[0], "on", f">{USER[1]}", "~*", "&*", "+@all")
            self.servers.append(Server(*words, *replication_options(folder, address), address=address, us=USER))
        ids = {address: secrets.token_hex(20) for address in sentinels}
        lines = [f"sentinel auth-pass {MASTER} {password}"] if password else []
        if sentinel_password:
            lines += [f"requirepass {sentinel_password}", f"sentinel sentinel-pass {sentinel_password}"]
        self.sentinels = []
        for address in sentinels:
            (path := folder / f"{address.port}.conf").write_text(
                sentinel_config(address, servers, ids, *lines, down_after_ms=down_after_ms), encoding="ascii"
            )
            self.sentinels.append(Server(str(path), "--sentinel", address=address, us=(None, sentinel_password)))
        self.places = ",".join(map(str, sentinels))
        self.url = f"redis+sentinel://{self.places}/{MASTER}/0"

    def start(self) -> None:
        """Start all; each Sentinel sees all others when this returns."""
        for server in (*self.servers, *self.sentinels):
            server.start()
        self.until_whole()

    def until_whole(self) -> None:
        """Wait until each Sentinel sees all others."""
        _wait(self._whole)

    def stop(self) -> None:
        """End all."""
        for server in (*self.sentinels, *self.servers):
            server.kill()

    def renew(self) -> None:
        """Empty the servers."""
        self.primary().command("FLUSHALL")

    def named(self) -> set[int]:
        """The ports of all servers that a Sentinel names as the primary."""
        return {port for sentinel in self.sentinels if (port := _named_by(sentinel))}

    def primary(self) -> Server:
        """The server that most Sentinels name."""
        named = [port for sentinel in self.sentinels if (port := _named_by(sentinel))]
        port = max(named, key=named.count)
        return next(server for server in self.servers if server.port == port)

    def fail_over(self) -> None:
        """Have a Sentinel make a replica the primary, as an operator does; returns at once."""
        self.sentinels[0].command("SENTINEL FAILOVER", MASTER)

    def _whole(self) -> bool:
        for sentinel in self.sentinels:
            seen = sentinel.command("SENTINEL MASTER", MASTER)
            if (seen["flags"], seen["num-slaves"], seen["num-other-sentinels"]) != ("master", 2, 2):
                return False
            for others in ("REPLICAS", "SENTINELS"):
                for row in sentinel.command(f"SENTINEL {others}", MASTER):
                    flags = str(row.get("flags") or row.get(b"flags"))
                    if "down" in flags or "disconnected" in flags:
                        return False
        return True


def _named_by(sentinel: Server) -> int:
    try:
        answer = sentinel.command("SENTINEL GET-MASTER-ADDR-BY-NAME", MASTER)
    except RedisError:
        return 0
    return int(answer[1]) if answer else 0


def _wait(condition: Any) -> None:
    until = time.monotonic() + _WHOLE_S
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the servers did not start")
        time.sleep(0.03)


@contextlib.contextmanager
def running(sentinels: Sentinels) -> Iterator[Sentinels]:
    """All of them running for the length of a ``with`` block."""
    try:
        sentinels.start()
        yield sentinels
    finally:
        sentinels.stop()
