"""Many clients in one process, cheap enough not to be what is measured.

Raw non-blocking sockets, epoll, one buffer for all. Ticks are counted by `bench.clients.wire`; of some the age
is taken.
"""

import errno
import json
import random
import select
import socket
import ssl
import sys
import time
from array import array
from collections import Counter

from bench.clients.connection import Connection, tls_context
from bench.clients.dialects import FOREIGN
from bench.clients.wire import (
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

_BUFFER_BYTES = 1 << 18
_RECV_US = b'"recv_us":'
_SEQ = b'"seq":'
RARELY = 1_000_000
_BIND_ADDRESS_NO_PORT = 24  # ip(7): the port is chosen at connect, when its other end is known
_TRICKLE_S = 0.1
_TRICKLE_BYTES = 5_000
"""50 KB/s: far below what the subscription brings."""


class Load:
    """The clients of one process, and what they received."""

    def __init__(self, host: str, port: int, dialect: str = "tickgate", source: str = "", tls: str = "") -> None:
        """``dialect``: the gateway's, or one of `FOREIGN`. ``source``: the address that clients have, if not any.

        With ``tls`` they speak it.
        """
        self._tls = tls_context() if tls else None
        self._address = (host, port)
        self._source = source
        self._foreign = FOREIGN.get(dialect)
        self._buffer = bytearray(_BUFFER_BYTES)
        self._poll = select.epoll()
        self._poll.register(sys.stdin, select.EPOLLIN)
        self._by_fd: dict[int, Connection] = {}
        self._shape: Shape | None = None
        self._trickling: list[Connection] = []
        self._next_trickle = float("inf")
        self._rng = random.Random(1)
        self.all: list[Connection] = []
        self.opening: set[Connection] = set()
        """Those not subscribed yet; with ``until_snapshots``, also those without all snapshots yet."""
        self.until_snapshots = False
        self.receive_buffer = 0
        """SO_RCVBUF of connections to come, bytes; 0 leaves it to the kernel."""
        self.messages: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.sample_every = RARELY
        """The age of one in this many ticks is taken, on average."""
        self.reset()

    def reset(self) -> None:
        """Count from zero."""
        self.ticks = 0
        self.bytes = 0
        self.pongs = 0
        self._next_sample = 0
        self.ages_us = array("q")

    @property
    def alive(self) -> list[Connection]:
        """The clients that have not failed."""
        return list(self._by_fd.values())

    def stop_reading(self) -> None:
        """Leave all data in the kernel."""
        for fd in self._by_fd:
            self._poll.unregister(fd)

    def read_again(self) -> None:
        """Read again after `stop_reading`."""
        for fd in self._by_fd:
            self._poll.register(fd, select.EPOLLIN)

    def trickle(self) -> None:
        """From now on read `_TRICKLE_BYTES` of each connection ten times a second."""
        self.stop_reading()
        self._trickling = self.alive
        self._next_trickle = time.monotonic()

    # The loop

    def turn_for(self, seconds: float) -> None:
        """Read for this long, before the next command."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.turn(left)

    def turn(self, timeout: float) -> bool:
        """Read all available data once. True if a command waits at standard input."""
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
            for connection in tuple(self._trickling):
                self._read(connection, _TRICKLE_BYTES)
        return commanded

    def _read(self, connection: Connection, limit: int) -> None:
        buffer = self._buffer
        try:
            length = connection.recv_into(buffer, limit)
        except (BlockingIOError, ssl.SSLWantReadError):
            # Ready with nothing to read: it has just connected, or its TLS handshake goes on.
            if not connection.asked:
                self._connected(connection)
            return
        except OSError as error:
            self.fail(connection, _named(error))
            return
        if not length:
            self.fail(connection, "closed by the server")
            return
        self.bytes += length
        stream = connection.stream
        if stream is None:
            self._upgraded(connection, length)
            return
        if connection.capture is not None:
            connection.capture += buffer[:length]
        try:
            ticks = stream.feed(buffer, length)
        except WireError as error:
            self.fail(connection, str(error))
            return
        if ticks:
            self.ticks += ticks
            while self._next_sample < self.ticks:
                self._sample(length, ticks)

    def _sample(self, length: int, ticks: int) -> None:
        # One tick at a random place of this read. The step is random, so that it does not follow the bursts.
        self._next_sample += self._rng.randint(1, 2 * self.sample_every)
        at = self._buffer.find(_RECV_US, self._rng.randrange(ticks) * length // ticks, length)
        if at < 0:
            at = self._buffer.rfind(_RECV_US, 0, length)
        digits = self._buffer[at + len(_RECV_US) : at + len(_RECV_US) + 16]
        if 0 <= at < length - len(_RECV_US) - 16 and digits.isdigit():
            self.ages_us.append(time.time_ns() // 1000 - int(digits))

    # Opening

    def connect(self, wanted: tuple[str, ...]) -> None:
        """Start to open a client for these symbols."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        if self._source:
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self._source, 0))
        if self._tls:
            sock = self._tls.wrap_socket(sock, do_handshake_on_connect=False)
        connection = Connection(sock, wanted)
        self.all.append(connection)
        self.opening.add(connection)
        sock.connect_ex(self._address)
        self._by_fd[sock.fileno()] = connection
        self._poll.register(sock, select.EPOLLOUT)

    def fail(self, connection: Connection, reason: str) -> None:
        """Give up a client."""
        if connection.failed:
            return
        connection.failed = reason
        self.failures[reason] += 1
        self.opening.discard(connection)
        self._by_fd.pop(connection.sock.fileno(), None)
        if connection in self._trickling:
            self._trickling.remove(connection)
        connection.sock.close()

    def _connected(self, connection: Connection) -> None:
        try:
            if connection.is_open:
                connection.sock.send(upgrade_request(*self._address, self._foreign.path if self._foreign else "/ws"))
                connection.asked = True
        except OSError as error:
            self.fail(connection, _named(error))
        else:
            self._poll.modify(connection.sock, select.EPOLLIN)

    def _upgraded(self, connection: Connection, length: int) -> None:
        data = bytes(self._buffer[:length])
        try:
            end = upgrade_end(data)
        except WireError as error:
            self.fail(connection, str(error))
            return
        if not end:
            self.fail(connection, "the upgrade's answer came in pieces")
            return
        connection.stream = Stream(lambda opcode, payload: self._frame(connection, opcode, payload))
        connection.stream.shape = self._shape
        if self._foreign:
            connection.sock.send(self._foreign.subscription(connection.wanted))
        else:
            connection.sock.send(command(type="subscribe", symbols=connection.wanted))
        if end < length:
            rest = bytearray(data[end:])
            self.ticks += connection.stream.feed(rest, len(rest))

    # Frames that are looked at

    def _frame(self, connection: Connection, opcode: int, payload: bytes) -> int:
        if self._foreign and opcode in (TEXT, BINARY):
            if connection in self.opening and self._foreign.is_ready(payload):
                self.opening.discard(connection)
            if answer := self._foreign.answer(payload):
                connection.sock.send(answer)
            return payload.count(_SEQ)
        if opcode == TEXT:
            if payload.startswith(b'{"type":"tick",'):
                self._learn(connection, payload)
                return 1
            if payload.startswith(b'{"type":"ticks"'):
                return payload.count(_SEQ)
            self._message(connection, payload)
        elif opcode == PING:
            connection.sock.send(client_frame(PONG, payload))
            self.pongs += 1
        elif opcode == CLOSE:
            self.fail(connection, f"closed with {int.from_bytes(payload[:2])}")
        return 0

    def _message(self, connection: Connection, payload: bytes) -> None:
        kind = json.loads(payload).get("type", "?")
        self.messages[kind] += 1
        if kind == "snapshot" and self.until_snapshots:
            connection.snapshots.append(payload)
            if len(connection.snapshots) == len(connection.wanted):
                self.opening.discard(connection)
        elif kind == "subscribed" and not self.until_snapshots:
            self.opening.discard(connection)
        elif kind == "error":
            self.failures[payload.decode()] += 1

    def _learn(self, connection: Connection, payload: bytes) -> None:
        if self._shape is None:
            self._shape = Shape(server_frame(TEXT, payload))
        assert connection.stream is not None
        connection.stream.shape = self._shape


def _named(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error))
