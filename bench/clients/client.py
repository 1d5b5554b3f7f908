"""The clients of a bench, commanded from outside.

Run by the bench as ``python -m bench.clients.client HOST PORT DIALECT [SOURCE [tls]]``; DIALECT is ``tickgate`` or one
of `bench.clients.dialects`, SOURCE is empty for any address. It takes one JSON command a line and answers each with one
line: the public methods of `Client`.
"""

import json
import random
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.clients.audit import after_stall, captured_ticks, faults
from bench.clients.connection import Connection
from bench.clients.load import RARELY, Load
from bench.clients.wire import TEXT, WireError, server_frame
from bench.reports.figures import percentile
from market.prices.tick import Tick

_IN_FLIGHT = 128
"""Connections being opened at once: a storm, but one that a listen backlog of 128 survives."""
_NAMED = 5
"""This many faults are reported in words; the others are only counted."""


class Client:
    """Executes the commands of one bench."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._cpu_s = time.process_time()
        self._rest_s = 0.0

    def run(self) -> None:
        """Execute commands until they end."""
        while True:
            time.sleep(self._rest_s)
            if self._load.turn(1.0):
                line = sys.stdin.readline()
                if not line:
                    return
                call = json.loads(line)
                method: Callable[..., dict[str, Any]] = getattr(self, call.pop("do"))
                print(json.dumps(method(**call)), flush=True)

    def open(
        self,
        count: int,
        pool: list[str],
        each: int,
        seed: int,
        *,
        snapshots: bool,
        receive_buffer: int,
        patience_s: float,
    ) -> dict[str, Any]:
        """Connect ``count`` clients, each subscribing to ``each`` of ``pool``, all of it or chosen at random.

        Answers when every one is subscribed, and with ``snapshots`` has as many snapshots as symbols. After
        ``patience_s`` it gives up on those that are not. ``receive_buffer`` is SO_RCVBUF in bytes, 0 the kernel's own.
        """
        load, rng = self._load, random.Random(seed)
        load.until_snapshots = snapshots
        load.receive_buffer = receive_buffer
        begun, end = 0, time.monotonic() + patience_s
        while begun < count or load.opening:
            while begun < count and len(load.opening) < _IN_FLIGHT:
                load.connect(tuple(pool) if each >= len(pool) else tuple(rng.sample(pool, each)))
                begun += 1
            load.turn(0.1)
            if time.monotonic() > end:
                for connection in tuple(load.opening):
                    load.fail(connection, "not subscribed in time")
                break
        return {"opened": len(load.alive), "failures": dict(load.failures)}

    def rest(self, seconds: float) -> dict[str, Any]:
        """Sleep so long before each look at the sockets, from now on.

        A sleeping client is woken by no write. On one machine the writer would pay for that; across a network it does
        not.
        """
        self._rest_s = seconds
        return {}

    def wait(self, seconds: float) -> dict[str, Any]:
        """Read for ``seconds`` before taking the next command."""
        self._load.turn_for(seconds)
        return {}

    def mark(self, sample_every: int = RARELY) -> dict[str, Any]:
        """Return the counts since the last mark, and sample about one in ``sample_every`` ticks from now on."""
        load = self._load
        ages_ms = [age / 1000 for age in load.ages_us]
        answer = {
            "ticks": load.ticks,
            "bytes": load.bytes,
            "pongs": load.pongs,
            "cpu_s": time.process_time() - self._cpu_s,
            "unread_bytes": sum(connection.unread_bytes for connection in load.alive),
            "failures": dict(load.failures),
            "age_ms": {"p50": percentile(ages_ms, 0.5), "p99": percentile(ages_ms, 0.99), "max": max(ages_ms)}
            if ages_ms
            else {},
        }
        load.reset()
        load.sample_every = sample_every
        self._cpu_s = time.process_time()
        return answer

    def capture(self, count: int) -> dict[str, Any]:
        """Keep every byte of ``count`` clients from now on, for `verdict`."""
        everyone = self._load.alive
        for connection in everyone[:: max(1, len(everyone) // count)][:count]:
            connection.keep()
        return {}

    def verdict(self, newest: dict[str, int]) -> dict[str, Any]:
        """Parse the captured bytes; return the ticks seen and the errors. Capturing ends."""
        count = 0
        wrong: list[str] = []
        for connection in self._load.all:
            if connection.capture is not None:
                ticks, found = _captured(connection)
                count += len(ticks)
                wrong += found or faults((tick for _, tick in ticks), frozenset(connection.wanted), newest)
        return {"ticks": count, "faults": wrong[:_NAMED], "fault_count": len(wrong)}

    def snapshots(self, newest: dict[str, int]) -> dict[str, Any]:
        """Parse the snapshots of every client; return how many clients have exactly the right ones."""
        right = 0
        wrong: list[str] = []
        for connection in self._load.all:
            connection.capture = bytearray().join(server_frame(TEXT, payload) for payload in connection.snapshots)
            connection.capture_skip = 0
            ticks, found = _captured(connection)
            found += faults((tick for _, tick in ticks), frozenset(connection.wanted), newest)
            right += not (connection.failed or found)
            wrong += found
        return {"right": right, "faults": wrong[:_NAMED], "fault_count": len(wrong)}

    def stall(self) -> dict[str, Any]:
        """Stop reading, on every connection."""
        self._load.stop_reading()
        return {}

    def trickle(self) -> dict[str, Any]:
        """Read little of every connection from now on; see `Load.trickle`."""
        self._load.trickle()
        return {}

    def resume(self, seconds: float, current_ms: float) -> dict[str, Any]:
        """Read again after `stall`, and return the result: see `after_stall`. The worst of all clients counts."""
        load = self._load
        own = [connection.unread_bytes for connection in load.alive]
        for connection in load.alive:
            connection.keep()
        current_us = time.time_ns() // 1000 - current_ms * 1000
        load.read_again()
        load.turn_for(seconds)
        older: list[int] = []
        wrong: list[str] = []
        for connection in load.all:
            if connection.failed:
                wrong.append(connection.failed)
                continue
            ticks, found = _captured(connection)
            bytes_before, unlike = after_stall(ticks, frozenset(connection.wanted), current_us)
            older.append(bytes_before)
            wrong += found + unlike
        return {
            "older_bytes": max(older, default=0),
            "own_buffer_bytes": max(own, default=0),
            "faults": wrong[:_NAMED],
            "fault_count": len(wrong),
        }


def _captured(connection: Connection) -> tuple[list[tuple[int, Tick]], list[str]]:
    """The ticks that a connection kept, and their errors. Capturing ends."""
    data, connection.capture = connection.capture or b"", None
    try:
        return captured_ticks(bytes(data), connection.capture_skip), []
    except WireError as error:
        return [], [str(error)]


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Client(Load(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])).run()
