"""A port that several processes listen on, each with a socket of its own (socket(7), SO_REUSEPORT).

The kernel gives each new connection to one of these sockets. What waits in the queue of a socket is lost when it is
closed, unless `net.ipv4.tcp_migrate_req` is 1. So a process that leaves takes what waits there first. Between its last
look and the close it may be kept from running for long, so before that it makes the queue as small as can be. Then the
kernel lets one in. It drops the first packet of the others, or answers with a cookie (tcp_syncookies), and they come to
another socket. Lost is, at most, that one, and who is between the two halves of a TCP handshake at that moment.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any


async def leave(
    servers: Sequence[asyncio.Server], accept: Callable[[], asyncio.BaseProtocol]
) -> list[asyncio.Transport]:
    """Close the listening sockets of ``servers``; those who waited there are connections of ``accept``."""
    taken: list[socket.socket] = []
    for server in servers:
        listening = [_copy(sock) for sock in server.sockets]
        for sock in listening:
            # A queue of 0 has room for one. If somebody else holds this socket, as gunicorn does, whoever serves on it
            # next gives it a queue again: listen(2) changes that of a socket that listens.
            sock.listen(0)
        taken += _queued(listening)
        server.close()
        # Whoever came between the two.
        taken += _queued(listening)
        for sock in listening:
            sock.close()
    loop = asyncio.get_running_loop()
    made = await asyncio.gather(*(loop.connect_accepted_socket(accept, sock) for sock in taken))
    return [transport for transport, _ in made]


def _copy(sock: Any) -> socket.socket:
    # The event loop's own object cannot accept.
    copy = socket.socket(fileno=os.dup(sock.fileno()))
    copy.setblocking(False)
    return copy


def _queued(listening: Iterable[socket.socket]) -> list[socket.socket]:
    taken = []
    for sock in listening:
        while True:
            try:
                accepted, _ = sock.accept()
            except OSError:
                # Nobody waits, or no descriptor is left.
                break
            accepted.setblocking(False)
            taken.append(accepted)
    return taken
