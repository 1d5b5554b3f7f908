"""Many clients in one process, cheap enough not to be what is measured.

Run by the bench as ``python -m bench.client HOST PORT DIALECT``; it takes one JSON command a line and answers each
with one line: see the public methods of `Load`. Raw non-blocking sockets, epoll, one buffer for all; ticks are
counted by `bench.wire`, and about one in some hundred is looked at for its age.
"""

import errno
import fcntl
import json
import random
import resource
import select
import socket
import sys
import termios
import time
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any

from bench.audit import captured_ticks, faults
from bench.figures import percentile
from bench.wire import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Shape,
    Stream,
    WireError,
    client_frame,
    command,
    server_frame,
    upgrade_end,
    upgrade_request,
)
from market.tick import Tick

_BUFFER_BYTES = 1 << 18
_IN_FLIGHT = 128
"""Connections being opened at once: a storm, but one that a listen backlog of 128 survives."""
_RECV_US = b'"recv_us":'
_SEQ = b'"seq":'
_TRICKLE_S = 0.1
_TRICKLE_BYTES = 5_000
"""50 KB/s: far below what the subscription brings."""


class Connection:
    """One client."""

    __slots__ = ("capture", "capture_skip", "failed", "recv_into", "snapshots", "sock", "stream", "wanted")

    def __init__(self, sock: socket.socket, wanted: tuple[str, ...]) -> None:
        self.sock = sock
        self.recv_into = sock.recv_into
        self.wanted = wanted
        self.stream: Stream | None = None
        """None until the upgrade is answered."""
        self.failed = ""
        self.snapshots: list[bytes] = []
        self.capture: bytearray | None = None
        self.capture_skip = 0


class Load:
    """The clients of one process, all alike."""

    def __init__(self, host: str, port: int, dialect: str) -> None:
        self._address = (host, port)
        self._nats = dialect == "nats"
        self._buffer = bytearray(_BUFFER_BYTES)
        self._poll = select.epoll()
        self._poll.register(sys.stdin, select.EPOLLIN)
        self._by_fd: dict[int, Connection] = {}
        self._all: list[Connection] = []
        self._opening: set[Connection] = set()
        self._until_snapshots = False
        self._receive_buffer = 0
        self._shape: Shape | None = None
        self._trickling: list[Connection] = []
        self._next_trickle = float("inf")
        self._ages = array("q")
        self._rng = random.Random(1)
        self._messages: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._sample_every = 1
        self._reset()

    def _reset(self) -> None:
        self._ticks = 0
        self._bytes = 0
        self._reads = 0
        self._next_sample = 0
        self._ages = array("q")
        self._cpu_s = time.process_time()

    # Commands

    def open(
        self,
        count: int,
        pool: list[str],
        each: int,
        seed: int,
        *,
        snapshots: bool = False,
        receive_buffer: int = 0,
        timeout_s: float = 60,
    ) -> dict[str, Any]:
        """Connect ``count`` clients, each subscribing to ``each`` of ``pool``, all of it or chosen at random.

        Answers when every one is subscribed, and with ``snapshots`` has as many snapshots as symbols.
        ``receive_buffer`` is SO_RCVBUF, bytes; 0 leaves it to the kernel.
        """
        rng = random.Random(seed)
        self._until_snapshots = snapshots
        self._receive_buffer = receive_buffer
        begun, end = 0, time.monotonic() + timeout_s
        while begun < count or self._opening:
            while begun < count and len(self._opening) < _IN_FLIGHT:
                self._connect(tuple(pool) if each >= len(pool) else tuple(rng.sample(pool, each)))
                begun += 1
            self.turn(0.1)
            if time.monotonic() > end:
                for connection in tuple(self._opening):
                    self._fail(connection, "not subscribed in time")
                break
        return {"opened": len(self._by_fd), "failures": dict(self._failures)}

    def mark(self, sample_every: int = 1) -> dict[str, Any]:
        """Answer what came since the last mark, and look at about one in ``sample_every`` ticks from now on."""
        answer = {
            "ticks": self._ticks,
            "bytes": self._bytes,
            "reads": self._reads,
            "cpu_s": time.process_time() - self._cpu_s,
            "samples": len(self._ages),
            "age_ms": self._age_ms(),
            "messages": dict(self._messages),
            "failures": dict(self._failures),
            "unread_bytes": sum(_unread(connection.sock) for connection in self._by_fd.values()),
        }
        self._reset()
        self._sample_every = sample_every
        return answer

    def _age_ms(self) -> dict[str, float]:
        if not self._ages:
            return {}
        ages = [age / 1000 for age in self._ages]
        return {"p50": percentile(ages, 0.5), "p99": percentile(ages, 0.99), "max": max(ages)}

    def capture(self, count: int) -> dict[str, Any]:
        """Keep every byte of ``count`` clients from now on, for `verdict`."""
        for connection in self._all[:: max(1, len(self._all) // count)][:count]:
            if connection.stream is not None:
                connection.capture = bytearray(connection.stream.carry)
                connection.capture_skip = connection.stream.skip
        return {}

    def verdict(self, newest: dict[str, int]) -> dict[str, Any]:
        """Parse what was captured; answer the ticks seen and what was wrong. Capturing ends."""
        ticks = 0
        wrong: list[str] = []
        for connection in self._all:
            if connection.capture is not None:
                try:
                    found = captured_ticks(bytes(connection.capture), connection.capture_skip)
                except WireError as error:
                    wrong.append(str(error))
                else:
                    ticks += len(found)
                    wrong += faults((tick for _, tick in found), frozenset(connection.wanted), newest)
                connection.capture = None
        return {"ticks": ticks, "faults": wrong[:5], "fault_count": len(wrong)}

    def snapshots(self, newest: dict[str, int]) -> dict[str, Any]:
        """Parse the snapshots of every client; answer how many clients have exactly the right ones."""
        right = 0
        wrong: list[str] = []
        for connection in self._all:
            data = b"".join(server_frame(TEXT, payload) for payload in connection.snapshots)
            try:
                found = faults((tick for _, tick in captured_ticks(data)), frozenset(connection.wanted), newest)
            except WireError as error:
                found = [str(error)]
            right += not (connection.failed or found)
            wrong += found
        return {"right": right, "faults": wrong[:5], "fault_count": len(wrong)}

    def stall(self) -> dict[str, Any]:
        """Stop reading, on every connection."""
        for fd in self._by_fd:
            self._poll.unregister(fd)
        return {}

    def trickle(self) -> dict[str, Any]:
        """From now on read `_TRICKLE_BYTES` of each connection ten times a second."""
        self.stall()
        self._trickling = list(self._by_fd.values())
        self._next_trickle = time.monotonic()
        return {}

    def resume(self, seconds: float, current_ms: float) -> dict[str, Any]:
        """Read again after `stall`, and answer what came: see `_after_stall`. The worst of all clients counts."""
        own = []
        for connection in self._by_fd.values():
            assert connection.stream is not None
            own.append(_unread(connection.sock))
            connection.capture = bytearray(connection.stream.carry)
            connection.capture_skip = connection.stream.skip
            self._poll.register(connection.sock, select.EPOLLIN)
        resumed_us = time.time_ns() // 1000
        self._turn_for(seconds)
        older, wrong = [0], []
        for connection in self._all:
            if connection.failed or connection.capture is None:
                wrong.append(connection.failed or "nothing was read")
                continue
            try:
                ticks = captured_ticks(bytes(connection.capture), connection.capture_skip)
            except WireError as error:
                wrong.append(str(error))
                continue
            bytes_before, found = after_stall(ticks, frozenset(connection.wanted), resumed_us - current_ms * 1000)
            older.append(bytes_before)
            wrong += found
            connection.capture = None
        return {
            "older_bytes": max(older),
            "own_buffer_bytes": max(own, default=0),
            "faults": wrong[:5],
            "fault_count": len(wrong),
            "messages": dict(self._messages),
        }

    def wait(self, seconds: float) -> dict[str, Any]:
        """Keep reading for ``seconds`` before taking the next command."""
        self._turn_for(seconds)
        return {}

    # The loop

    def run(self) -> None:
        """Obey until the commands end."""
        while True:
            if self.turn(1.0):
                line = sys.stdin.readline()
                if not line:
                    return
                call = json.loads(line)
                method: Callable[..., dict[str, Any]] = getattr(self, call.pop("do"))
                print(json.dumps(method(**call)), flush=True)

    def _turn_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.turn(left)

    def turn(self, timeout: float) -> bool:
        """Read what there is to read, once. True when a command waits."""
        commanded = False
        if self._trickling:
            timeout = max(0.0, min(timeout, self._next_trickle - time.monotonic()))
        by_fd = self._by_fd
        for fd, _ in self._poll.poll(timeout):
            if fd == 0:
                commanded = True
            else:
                self._read(by_fd[fd], _BUFFER_BYTES)
        if time.monotonic() >= self._next_trickle:
            self._next_trickle += _TRICKLE_S
            for connection in self._trickling:
                self._read(connection, _TRICKLE_BYTES)
        return commanded

    def _read(self, connection: Connection, limit: int) -> None:
        buffer = self._buffer
        try:
            length = connection.recv_into(buffer, limit)
        except BlockingIOError:
            # Nothing to read, yet ready: it has just connected.
            if connection.stream is None:
                self._connected(connection)
            return
        except OSError as error:
            self._fail(connection, errno.errorcode.get(error.errno or 0, str(error)))
            return
        if not length:
            self._fail(connection, "closed by the server")
            return
        self._bytes += length
        self._reads += 1
        stream = connection.stream
        if stream is None:
            self._upgraded(connection, length)
            return
        if connection.capture is not None:
            connection.capture += buffer[:length]
        try:
            ticks = stream.feed(buffer, length)
        except WireError as error:
            self._fail(connection, str(error))
            return
        if ticks:
            self._ticks = total = self._ticks + ticks
            if total > self._next_sample:
                self._sample(length, ticks)

    def _sample(self, length: int, ticks: int) -> None:
        # One tick at a random place of this read; the step is random so as not to keep time with bursts.
        self._next_sample = self._ticks + self._rng.randrange(2 * self._sample_every)
        at = self._buffer.find(_RECV_US, self._rng.randrange(ticks) * length // ticks, length)
        if at < 0:
            at = self._buffer.rfind(_RECV_US, 0, length)
        digits = self._buffer[at + len(_RECV_US) : at + len(_RECV_US) + 16]
        if 0 <= at < length - len(_RECV_US) - 16 and digits.isdigit():
            self._ages.append(time.time_ns() // 1000 - int(digits))

    # Opening

    def _connect(self, wanted: tuple[str, ...]) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        connection = Connection(sock, wanted)
        self._all.append(connection)
        self._opening.add(connection)
        sock.connect_ex(self._address)
        self._by_fd[sock.fileno()] = connection
        self._poll.register(sock, select.EPOLLOUT)

    def _connected(self, connection: Connection) -> None:
        try:
            connection.sock.send(upgrade_request(*self._address))
        except OSError as error:
            self._fail(connection, errno.errorcode.get(error.errno or 0, str(error)))
            return
        self._poll.modify(connection.sock, select.EPOLLIN)

    def _upgraded(self, connection: Connection, length: int) -> None:
        data = bytes(self._buffer[:length])
        try:
            end = upgrade_end(data)
        except WireError as error:
            self._fail(connection, str(error))
            return
        if not end:
            self._fail(connection, "the upgrade's answer came in pieces")
            return
        connection.stream = Stream(lambda opcode, payload: self._frame(connection, opcode, payload))
        connection.stream.shape = self._shape
        connection.sock.send(self._subscription(connection.wanted))
        if end < length:
            rest = bytearray(data[end:])
            self._ticks += connection.stream.feed(rest, len(rest))

    def _subscription(self, wanted: tuple[str, ...]) -> bytes:
        if self._nats:
            lines = ['CONNECT {"verbose":false,"pedantic":false}']
            lines += [f"SUB tick.{symbol} {index}" for index, symbol in enumerate(wanted, 1)]
            return client_frame(BINARY, "".join(f"{line}\r\n" for line in [*lines, "PING"]).encode())
        return command(type="subscribe", symbols=wanted)

    # Frames that are looked at

    def _frame(self, connection: Connection, opcode: int, payload: bytes) -> int:
        if opcode == TEXT:
            if payload.startswith(b'{"type":"tick",'):
                self._learn(connection, payload)
                return 1
            if payload.startswith(b'{"type":"ticks"'):
                return payload.count(_SEQ)
            self._message(connection, payload)
        elif opcode == BINARY:
            if b"PONG" in payload:
                self._opening.discard(connection)
            if b"PING" in payload:
                connection.sock.send(client_frame(BINARY, b"PONG\r\n"))
            return payload.count(_SEQ)
        elif opcode == PING:
            connection.sock.send(client_frame(PONG, payload))
        elif opcode == CLOSE:
            self._fail(connection, f"closed with {int.from_bytes(payload[:2])}")
        return 0

    def _message(self, connection: Connection, payload: bytes) -> None:
        kind = json.loads(payload).get("type", "?")
        self._messages[kind] += 1
        if kind == "snapshot" and self._until_snapshots:
            connection.snapshots.append(payload)
            if len(connection.snapshots) == len(connection.wanted):
                self._opening.discard(connection)
        elif kind == "subscribed" and not self._until_snapshots:
            self._opening.discard(connection)
        elif kind == "error":
            self._failures[payload.decode()] += 1

    def _learn(self, connection: Connection, payload: bytes) -> None:
        if self._shape is None:
            self._shape = Shape(server_frame(TEXT, payload))
        assert connection.stream is not None
        connection.stream.shape = self._shape

    def _fail(self, connection: Connection, reason: str) -> None:
        if connection.failed:
            return
        connection.failed = reason
        self._failures[reason] += 1
        self._opening.discard(connection)
        self._by_fd.pop(connection.sock.fileno(), None)
        if connection in self._trickling:
            self._trickling.remove(connection)
        connection.sock.close()


def after_stall(ticks: list[tuple[int, Tick]], wanted: frozenset[str], current_us: float) -> tuple[int, list[str]]:
    """What a client that reads again got: the bytes before its first current tick, and what was wrong.

    A tick is current when it was received at ``current_us`` or later. After the first current tick there must
    be no older one, and every symbol must come.
    """
    first = next((index for index, (_, tick) in enumerate(ticks) if tick.recv_us >= current_us), None)
    if first is None:
        return (ticks[-1][0] if ticks else 0), ["no current tick came"]
    after = [tick for _, tick in ticks[first:]]
    wrong = [f"{tick.symbol}: an old tick after current ones" for tick in after if tick.recv_us < current_us]
    wrong += [f"{symbol}: no current tick" for symbol in sorted(wanted - {tick.symbol for tick in after})]
    return ticks[first][0], wrong


def _unread(sock: socket.socket) -> int:
    return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Load(sys.argv[1], int(sys.argv[2]), sys.argv[3]).run()
