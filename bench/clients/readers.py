"""Readers of every speed in one process, each with the newest price of every symbol in hand.

The bench runs it as ``python -m bench.clients.readers HOST PORT``. It takes one JSON command per line and answers each
with one line: see `run`. By default a reader has the kernel's usual socket buffers. It answers a ping when it reads it,
as a slow client does.
"""

import fcntl
import json
import select
import socket
import ssl
import sys
import termios
import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from bench.clients.hand import Hand
from bench.clients.wire import (
    CLOSE,
    PING,
    PONG,
    WireError,
    client_frame,
    command,
    upgrade_end,
    upgrade_request,
)
from bench.feed.ticks import SYMBOLS
from bench.reports.figures import percentile

_TURN_S = 0.05
"""A reader with a rate reads twenty times a second."""
_CHUNK_BYTES = 1 << 18
_OPEN_S = 10
_FREE_S = 3.0
"""A reader that stalls reads for this long before."""


class ReadRate(Struct, frozen=True):
    """The rate of a reader."""

    name: str
    bytes_per_s: float = 0
    """0 is as fast as data comes."""
    stall_s: float = 0
    """It reads nothing for this long, and then as fast as data comes."""


class Allowance:
    """The bytes that may be read now, at a rate. An unused allowance is not kept for later."""

    def __init__(self, bytes_per_s: float, now: float) -> None:
        """``now`` is seconds of any clock that does not go back."""
        self._bytes_per_s = bytes_per_s
        self._since = now
        self._left = 0.0

    def take(self, now: float) -> int:
        """The number of bytes allowed; they count as read."""
        self._left += (now - self._since) * self._bytes_per_s
        self._since = now
        whole = int(self._left)
        # Fractions of a byte are kept, or a slow one would never read any.
        self._left -= whole
        return whole


class Reader:
    """One client."""

    def __init__(
        self,
        rate: ReadRate,
        address: tuple[str, int],
        receive_buffer: int = 0,
        symbols: Sequence[str] = SYMBOLS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Connect, and subscribe to ``symbols``. ``receive_buffer`` is SO_RCVBUF in bytes, 0 the kernel's own.

        Raises:
            OSError: nobody listens.
            WireError: it was not let in.
        """
        self.rate = rate
        self.hand = Hand()
        self.end = ""
        """How the connection ended; empty while it lasts."""
        self.end_s: float | None = None
        self.receive_buffer_bytes = 0
        """The bytes in its own receive buffer when the stall ended."""
        self.current_s: float | None = None
        """Seconds from the end of the stall until every price was current."""
        self._sock = socket.socket()
        self._sock.settimeout(_OPEN_S)
        if receive_buffer:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._sock.connect(address)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self._sock = tls.wrap_socket(self._sock, server_hostname=address[0])
        self._sock.sendall(upgrade_request(*address))
        answer = b""
        while not (end := upgrade_end(answer)):
            got = self._sock.recv(_CHUNK_BYTES)
            if not got:
                raise WireError("closed before the upgrade was answered")
            answer += got
        self._sock.sendall(command(type="subscribe", symbols=list(symbols)))
        self._sock.setblocking(False)
        self._start = time.monotonic()
        self._allowance = Allowance(rate.bytes_per_s, self._start)
        self._resumed_s: float | None = None
        self._take(answer[end:])

    def fileno(self) -> int:
        """The descriptor, for select."""
        return self._sock.fileno()

    def reads_freely(self, now: float) -> bool:
        """Whether it reads all data at once."""
        return not (self.end or self.rate.bytes_per_s or self._is_stalled(now))

    def _is_stalled(self, now: float) -> bool:
        return 0 <= now - self._start - _FREE_S < self.rate.stall_s

    def turn(self, now: float) -> None:
        """Read as much as is allowed."""
        if self.end or self._is_stalled(now):
            return
        if self.rate.stall_s and self._resumed_s is None and now - self._start > _FREE_S:
            self._resumed_s = now
            waiting = fcntl.ioctl(self._sock, termios.FIONREAD, b"\0\0\0\0")
            self.receive_buffer_bytes = int.from_bytes(waiting, sys.byteorder)
            self.hand.resume(time.time_ns() // 1000)
        limit = self._allowance.take(now) if self.rate.bytes_per_s else _CHUNK_BYTES
        while limit > 0 and not self.end:
            try:
                data = self._sock.recv(limit)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError as error:
                self._ended(type(error).__name__)
                return
            if not data:
                self._ended("closed without a word")
                return
            # Over TLS a read gives one record, however much there is.
            self._take(data)
            limit -= len(data)

    def _take(self, data: bytes) -> None:
        try:
            others = self.hand.feed(data)
        except WireError as error:
            self._ended(str(error))
            return
        for opcode, payload in others:
            if opcode == PING:
                self._answer(payload)
            elif opcode == CLOSE:
                self._ended(f"closed with {int.from_bytes(payload[:2])}")
        if self._resumed_s is not None and self.current_s is None and self.hand.is_current:
            self.current_s = time.monotonic() - self._resumed_s

    def _answer(self, payload: bytes) -> None:
        try:
            self._sock.send(client_frame(PONG, payload))
        except OSError as error:
            self._ended(type(error).__name__)

    def _ended(self, reason: str) -> None:
        if not self.end:
            self.end = reason
            self.end_s = time.monotonic() - self._start

    def answer(self, seconds: float) -> dict[str, Any]:
        """The result; ages are in seconds."""
        ages = [age / 1e6 for age in self.hand.ages_us]
        answer = {
            "name": self.rate.name,
            "kb_per_s": self.hand.bytes / 1000 / seconds,
            "p50_s": percentile(ages, 0.5) if ages else None,
            "max_s": max(ages, default=None),
            "end": self.end,
            "end_s": self.end_s,
        }
        if self.rate.stall_s:
            answer |= {"older_bytes": self.hand.bytes_before_current, "older_ticks": self.hand.older_ticks}
            answer |= {"receive_buffer_bytes": self.receive_buffer_bytes, "current_s": self.current_s}
        return answer

    def close(self) -> None:
        """Leave without a close frame."""
        self._sock.close()


def run(
    address: tuple[str, int], rates: list[dict[str, Any]], seconds: float, last_s: float, receive_buffer: int
) -> dict[str, Any]:
    """Let all read side by side for ``seconds``; record the ages of prices in hand for the last ``last_s``."""
    readers = [Reader(ReadRate(**rate), address, receive_buffer) for rate in rates]
    start = time.monotonic()
    due = start
    while (now := time.monotonic()) < start + seconds:
        free = [reader for reader in readers if reader.reads_freely(now)]
        ready, _, _ = select.select(free, [], [], max(0.0, due - now))
        for reader in ready:
            reader.turn(now)
        if now < due:
            continue
        due += _TURN_S
        for reader in readers:
            if reader not in free:
                reader.turn(now)
        if now > start + seconds - last_s:
            now_us = time.time_ns() // 1000
            for reader in readers:
                if not reader.end:
                    reader.hand.look(now_us)
    answers = [reader.answer(seconds) for reader in readers]
    for reader in readers:
        reader.close()
    return {"readers": answers}


if __name__ == "__main__":
    for line in sys.stdin:
        call = json.loads(line)
        call.pop("do")
        print(json.dumps(run((sys.argv[1], int(sys.argv[2])), **call)), flush=True)
