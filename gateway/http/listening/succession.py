"""What each process does with a listening socket that several share, for handing over between workers.

gunicorn's arbiter and its workers hold the same socket: the old and the new worker during a reload, and the workers of
two arbiters during an upgrade (SIGUSR2). Each process publishes its role with record locks (fcntl(2)) on the socket
itself. The kernel drops a process's locks when it ends. So there is no file to agree on, and none is left behind.
"""

import fcntl
import socket
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

# Linux, <fcntl.h>, struct flock: type, whence, start, length, process.
_FLOCK: Final = struct.Struct("@hhqqi4x")


class Role(IntEnum):
    """A process's role on a socket. The value is the byte that it locks."""

    ACCEPTS = 0
    """It accepts connections and serves them."""
    STAYS = 1
    """It accepts, has prices, and was not told to stop. A stopping process may leave new connections to it."""
    COMES = 2
    """It will stay soon, or a process that it starts will."""


class Succession:
    """This process's roles, and those of others, on the sockets that they share.

    If the system has no locks on sockets, there seem to be no others.
    """

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        """``sockets`` may be closed later; the kernel then ends this process's roles on them."""
        self._sockets = sockets

    def claim(self, *roles: Role) -> None:
        """Publish that this process has these roles."""
        self._lock(fcntl.LOCK_SH | fcntl.LOCK_NB, roles)

    def drop(self, *roles: Role) -> None:
        """Give up these roles."""
        self._lock(fcntl.LOCK_UN, roles)

    def others(self, role: Role) -> bool:
        """Whether another process has this role on each of the sockets."""
        open_sockets = [sock for sock in self._sockets if sock.fileno() >= 0]
        return bool(open_sockets) and all(_is_held(sock, role) for sock in open_sockets)

    def _lock(self, how: int, roles: Sequence[Role]) -> None:
        for sock in self._sockets:
            if sock.fileno() < 0:
                continue
            for role in roles:
                try:
                    # Shared locks do not exclude each other, so none waits.
                    fcntl.lockf(sock, how, 1, role)
                except OSError:
                    return


def _is_held(sock: socket.socket, role: Role) -> bool:
    # An exclusive lock would be refused if another process has a shared one. Our own locks do not count.
    wanted = _FLOCK.pack(fcntl.F_WRLCK, 0, role, 1, 0)
    try:
        found = fcntl.fcntl(sock, fcntl.F_GETLK, wanted)
    except OSError:
        return False
    return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)
