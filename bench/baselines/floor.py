"""The floor: what writing costs when there is nothing else to do. Upgrades the sockets, then becomes ``floor.c``.

    python -m bench.baselines.floor PORT CLIENTS SENDS_PER_S TICKS_PER_SEND SOCKETS_SHARE

In C, since a bare loop in Python adds a tenth to what it wants to show.
"""

import json
import os
import random
import re
import selectors
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.clients.wire import TEXT, accept_of, server_frame
from bench.feed.ticks import SYMBOLS, TickMaker
from market.wire.codec import encode_tick

SUBSCRIBED = server_frame(TEXT, b'{"type":"subscribed","symbols":[]}')


def build() -> Path:
    """Compile ``floor.c``; returns the program."""
    program = Path(tempfile.mkdtemp(prefix="tickgate-floor-")) / "floor"
    subprocess.run(["gcc", "-O2", "-o", program, Path(__file__).with_suffix(".c")], check=True)
    return program


def upgraded(listener: socket.socket, count: int) -> list[socket.socket]:
    """Take ``count`` clients that have subscribed; others that come and go are let go."""
    ready: list[socket.socket] = []
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while len(ready) < count:
        for key, _ in selector.select():
            if key.fileobj is listener:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(client, selectors.EVENT_READ)
                continue
            client = key.fileobj  # type: ignore[assignment] # only sockets are registered
            data = client.recv(65536)
            if not data:
                selector.unregister(client)
                client.close()
            elif asked := re.search(rb"Sec-WebSocket-Key: (\S+)", data):
                client.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept_of(asked[1]) + b"\r\n\r\n"
                )
            else:
                client.sendall(SUBSCRIBED)
                selector.unregister(client)
                ready.append(client)
    return ready


def main(port: int, clients: int, *pace: str) -> None:
    """Upgrade the clients, then become the program that writes to them."""
    program = build()
    frame = encode_tick(TickMaker(random.Random(1), 10**12).tick(SYMBOLS[0], 10**15))
    text = '{"type":"tick",' + frame.decode()[1:]
    json.loads(text)
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    sockets = upgraded(listener, clients)
    for client in sockets:
        client.set_inheritable(True)
    fds = [str(client.fileno()) for client in sockets]
    os.execv(program, [str(program), *pace, text, *fds])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
