"""A client that only wants prices, and the age of each when it arrives.

The bench runs it as ``python -m bench.attacks.victim HOST PORT``. It takes one JSON command per line and answers each
with one line: ``open``, ``mark``.
"""

import json
import select
import socket
import sys
import time
from array import array
from typing import Any

from bench.attacks.stranger import bearer
from bench.clients.audit import ticks_of
from bench.clients.wire import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    WireError,
    client_frame,
    command,
    frame_bounds,
    upgrade_end,
    upgrade_request,
)
from bench.feed.ticks import SYMBOLS
from bench.reports.figures import percentile

SOURCE = "127.0.0.9"
"""The victim's own address; the limits apply to it."""
_CHUNK_BYTES = 1 << 18
_OPEN_S = 10


class Victim:
    """Executes the commands of one bench."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._sock: socket.socket | None = None
        self._buffer = b""
        self._ages_us = array("q")
        self._ended = ""

    def run(self) -> None:
        """Run until the commands end."""
        while True:
            watched: list[Any] = [sys.stdin] if self._sock is None or self._ended else [sys.stdin, self._sock]
            ready, _, _ = select.select(watched, [], [])
            if self._sock in ready:
                self._read()
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if not line:
                    return
                call = json.loads(line)
                print(json.dumps(self.open(**call) if call.pop("do") == "open" else self.mark()), flush=True)

    def open(self, token: str) -> dict[str, Any]:
        """Connect, with a token where there is one, and subscribe to every symbol.

        Raises:
            WireError: it was not let in.
        """
        sock = socket.create_connection(self._address, _OPEN_S, source_address=(SOURCE, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(upgrade_request(*self._address, headers=bearer(token) if token else ""))
        answer = b""
        while not (end := upgrade_end(answer)):
            got = sock.recv(_CHUNK_BYTES)
            if not got:
                raise WireError("closed before the upgrade was answered")
            answer += got
        sock.sendall(command(type="subscribe", symbols=SYMBOLS))
        self._sock = sock
        self._take(answer[end:])
        return {}

    def mark(self) -> dict[str, Any]:
        """The ages of ticks since the last mark, in milliseconds, and their number; ``ended`` if it was cut off."""
        ages_ms = [age / 1000 for age in self._ages_us]
        self._ages_us = array("q")
        shares = (
            {"p50": percentile(ages_ms, 0.5), "p99": percentile(ages_ms, 0.99), "max": max(ages_ms)} if ages_ms else {}
        )
        return {"ticks": len(ages_ms), "ended": self._ended, **shares}

    def _read(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(_CHUNK_BYTES)
        except OSError as error:
            self._ended = type(error).__name__
            return
        if data:
            self._take(data)
        else:
            self._ended = "closed without a word"

    def _take(self, data: bytes) -> None:
        assert self._sock is not None
        now_us = time.time_ns() // 1000
        data = self._buffer + data
        at = 0
        while (bounds := frame_bounds(data, at)) is not None and bounds[2] <= len(data):
            opcode, begin, at = bounds
            payload = data[begin:at]
            if opcode == TEXT:
                self._ages_us.extend(now_us - tick.recv_us for tick in ticks_of(payload))
            elif opcode == PING:
                self._sock.sendall(client_frame(PONG, payload))
            elif opcode == CLOSE:
                self._ended = f"closed with {int.from_bytes(payload[:2])}"
        self._buffer = data[at:]


if __name__ == "__main__":
    Victim(sys.argv[1], int(sys.argv[2])).run()
