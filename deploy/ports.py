"""Check that addresses are free to listen on, before anything is started."""

import errno
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import NamedTuple

from deploy.errors import DeployError


class Address(NamedTuple):
    """An address to listen on, and the variable that changes it."""

    host: str
    port: int
    variable: str

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(variable: str, value: str) -> Address:
    """Read ``host:port``.

    Raises:
        DeployError: it is not of that form.
    """
    host, _, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise DeployError(f"{variable}={value!r} is not an address; write host:port, like 127.0.0.1:8080")
    return Address(host, int(port), variable)


def require_free(address: Address) -> None:
    """Refuse an address that cannot be listened on.

    Raises:
        DeployError: something listens there already, the port is reserved, or the host is not ours.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            # Two sockets may share a port until one of them listens.
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                problem = f"is in use; end what listens there, or set {address.variable} to another"
            else:
                problem = (
                    f"cannot be used ({error.strerror}); name an address of this machine,"
                    f" and with {address.variable} a port that its user may have"
                )
            raise DeployError(f"{address} {problem}") from None


class Reservations:
    """Ports that are reserved, although nobody listens on them yet.

    A program may listen on a port only seconds after asking for it, and programs stop and start again. Meanwhile no
    other program may get it. Each port is a byte of one file, and a process that reserves it locks that byte. The
    kernel drops the locks of a process when it ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        """Processes that name the same file see each other's reservations."""
        self._path = path
        self._own: set[int] = set()
        self._file: int | None = None

    def take(self, port: int) -> bool:
        """Reserve it; False if it is reserved already, by this process or another."""
        if port in self._own:
            return False
        if self._file is None:
            # Never closed: a process that closes any descriptor of a file drops all its locks on it.
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self._own.add(port)
        return True


_FIRST_PORT = 12_000
_CLIENT_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DICE = random.SystemRandom()
_RESERVATIONS = Reservations(Path(tempfile.gettempdir()) / f"tickgate-ports-{os.getuid()}")


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on now, reserved for the caller while this process runs.

    It is below the ports that the kernel gives to clients. So no client socket can take it while its program does not
    listen.

    Raises:
        DeployError: of a hundred such ports tried, none was free.
    """
    first_of_clients = int(_CLIENT_PORTS.read_text().split()[0]) if _CLIENT_PORTS.exists() else 32768
    last = first_of_clients if first_of_clients > _FIRST_PORT else 65536
    for _ in range(100):
        port = _DICE.randrange(_FIRST_PORT, last)
        if not _RESERVATIONS.take(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise DeployError(f"no free port between {_FIRST_PORT} and {last} on {host}")
