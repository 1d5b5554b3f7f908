"""TCP connections of a process, as proc(5) has them."""

import ipaddress
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_ESTABLISHED: Final = "01"
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")


class Place(NamedTuple):
    """An IP address and a port; an address of IPv4 is written as such, whatever the socket's family is."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Connection(NamedTuple):
    """One that is established."""

    local: Place
    remote: Place


def connections_of(pid: int) -> list[Connection]:
    """Those that the process holds; none if it has ended, or is another user's."""
    inodes = set()
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            # It may be closed meanwhile.
            with suppress(OSError):
                if held := _SOCKET.fullmatch(Path(entry.path).readlink().name):
                    inodes.add(held[1])
    found: list[Connection] = []
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            text = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii")
            found += (connection for inode, connection in established(text) if inode in inodes)
    return found


def established(table: str) -> Iterator[tuple[str, Connection]]:
    """Each established connection of ``/proc/net/tcp`` or ``tcp6``, with the inode of its socket."""
    for line in table.splitlines()[1:]:
        _, local, remote, state, *_, inode = line.split()[:10]
        if state == _ESTABLISHED:
            yield inode, Connection(_place(local), _place(remote))


def _place(text: str) -> Place:
    address, _, port = text.partition(":")
    # Words of 32 bits, each in the order of this machine.
    words = (bytes.fromhex(address[at : at + 8]) for at in range(0, len(address), 8))
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return Place(plain(str(ipaddress.ip_address(packed))), int(port, 16))


def plain(host: str) -> str:
    """An IP address in its usual form; one of IPv4 that is written as one of IPv6 is one of IPv4."""
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def resolved(host: str, port: int) -> list[Place]:
    """All addresses of a name.

    Raises:
        OSError: it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted({Place(plain(str(address[0]).partition("%")[0]), port) for *_, address in found})
