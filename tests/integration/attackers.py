"""Attackers of `test_siege`, as a program of its own: ``python -m tests.integration.attackers WHAT PORT COUNT SOURCE``.

The attack has a process of its own, so that the test measures the gateway and not the attack. It prints one JSON
object: how many of its connections ended in which way.
"""

import itertools
import json
import resource
import select
import selectors
import socket
import sys
import time
from collections import Counter
from contextlib import suppress

TARGET = "127.0.0.1"
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_AT_ONCE = 500
"""Connects of a flood at the same time."""
_TURNS_PER_S = 10
"""How often slow attackers check which connections were closed."""
_COME_AGAIN = 10
"""The most of those that reconnect each time."""
_IP_BIND_ADDRESS_NO_PORT = 24  # <linux/in.h>


class Attacker:
    """Non-blocking sockets of an attack."""

    def __init__(self, port: int, source: str) -> None:
        self.ends: Counter[str] = Counter()
        """How connections ended: a status or an error."""
        self.said: dict[socket.socket, int] = {}
        """Bytes sent so far on each open connection."""
        self._port = port
        self._source = source
        self._selector = selectors.DefaultSelector()

    def connect(self) -> None:
        """Begin to connect."""
        sock = socket.socket()
        sock.setblocking(False)
        # The kernel chooses the port by target: each target has enough of them.
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((self._source, 0))
        with suppress(BlockingIOError):
            sock.connect((TARGET, self._port))
        self._selector.register(sock, selectors.EVENT_WRITE)
        self.said[sock] = 0

    def hear(self, timeout_s: float, first_words: bytes) -> None:
        """Send ``first_words`` on connections made by now; end those that were answered or cut off."""
        for key, events in self._selector.select(timeout_s):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            try:
                if events & selectors.EVENT_WRITE:
                    self.said[sock] = sock.send(first_words)
                    self._selector.modify(sock, selectors.EVENT_READ)
                    continue
                how = sock.recv(65536)[9:12].decode() or "cut off"
            except OSError as error:
                how = type(error).__name__
            self.ends[how] += 1
            self._selector.unregister(sock)
            sock.close()
            del self.said[sock]


def flood(port: int, count: int, source: str) -> Counter[str]:
    """Send ``count`` handshakes as fast as they are answered, and end each connection at once."""
    attacker, begun = Attacker(port, source), 0
    while begun < count or attacker.said:
        while begun < count and len(attacker.said) < _AT_ONCE:
            attacker.connect()
            begun += 1
        attacker.hear(1, HANDSHAKE)
    return attacker.ends


def sloths(port: int, count: int, source: str) -> Counter[str]:
    """Hold ``count`` connections that send a byte a second and reconnect when closed, until stdin ends."""
    attacker, most = Attacker(port, source), 0
    for turn in itertools.count():
        # All of them in the first second, then as many as the rate admits.
        at_once = count // _TURNS_PER_S if turn < _TURNS_PER_S else _COME_AGAIN
        for _ in range(min(count - len(attacker.said), at_once)):
            attacker.connect()
        until = time.monotonic() + 1 / _TURNS_PER_S
        while (left_s := until - time.monotonic()) > 0:
            attacker.hear(left_s, HANDSHAKE[:1])
        most = max(most, len(attacker.said))
        if turn % _TURNS_PER_S == 0:
            for sock, said in attacker.said.items():
                with suppress(OSError):
                    if said:
                        attacker.said[sock] += sock.send(HANDSHAKE[said : said + 1])
        if select.select([sys.stdin], [], [], 0)[0]:
            break
    attacker.ends["held at most"] = most
    return attacker.ends


if __name__ == "__main__":
    _, what, port, count, source = sys.argv
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    attack = {"flood": flood, "sloths": sloths}[what]
    print(json.dumps(attack(int(port), int(count), source)))  # noqa: T201 # what the test reads
