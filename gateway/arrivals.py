"""Accepted connections, until the first request of each is whole.

A WebSocket handshake with nothing unusual about it becomes a conversation at once, without all that aiohttp makes
for a request: a protocol, a task, a request, a response. Whatever else comes is aiohttp's, with the bytes it came in.
Who does not finish a request's head in time is cut off (slowloris), and so is the oldest of too many.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage

from gateway.entrance import Entrance
from gateway.metrics import Counters
from gateway.refusal import RefusalError

MAX_HEAD_BYTES: Final = 16 * 1024
"""Of a request: its first line and its headers, a token among them."""

_TOO_MANY: Final = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_END: Final = b"\r\n\r\n"

Upgrade = Callable[[RawRequestMessage, "Arrival"], asyncio.Protocol | None]
"""Answers a handshake and returns who talks to the client from then on, or None: aiohttp is to answer."""


class Arrivals:
    """Makes a protocol for each accepted connection: what ``loop.create_server`` calls."""

    def __init__(
        self,
        entrance: Entrance,
        upgrade: Upgrade,
        upgrade_path: str,
        serve: Callable[[], asyncio.Protocol],
        counters: Counters,
        *,
        timeout_s: float,
        most: int,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """``upgrade`` is asked about requests for ``upgrade_path``; ``serve`` makes aiohttp's protocol for the others.

        A head must be whole after ``timeout_s``. At most ``most`` may be unfinished at once, 0 being no limit.
        """
        self.entrance = entrance
        self.upgrade = upgrade
        self._upgrade_path = upgrade_path
        self.upgrade_line = f"GET {upgrade_path}".encode()
        self.serve = serve
        self.counters = counters
        self.has_room = has_room
        """Whether the process can hold one more socket, whoever's."""
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._most = most
        self._waiting: dict[Arrival, float] = {}
        """Unfinished, the oldest first, each with the time by which it must be finished."""
        self._timer: asyncio.TimerHandle | None = None
        # Wanted by aiohttp's parser for the bodies of requests, which no upgrade has.
        self._no_body = BaseProtocol(self._loop)

    def __call__(self) -> "Arrival":
        return Arrival(self)

    def __len__(self) -> int:
        """How many are unfinished."""
        return len(self._waiting)

    def change(self, *, timeout_s: float, most: int) -> None:
        """Allow another time and another number from now on; nobody keeps more time than a newcomer gets."""
        self._timeout_s, self._most = timeout_s, most
        latest = self._loop.time() + timeout_s
        self._waiting = {arrival: min(due, latest) for arrival, due in self._waiting.items()}
        while most and len(self._waiting) > most:
            self._cut_off(next(iter(self._waiting)))
        if self._timer is not None:
            self._timer.cancel()
        self._sweep()

    def enter(self, arrival: "Arrival") -> None:
        """``arrival`` has connected."""
        self._waiting[arrival] = self._loop.time() + self._timeout_s
        if self._most and len(self._waiting) > self._most:
            # The one that had the longest time for it.
            self._cut_off(next(iter(self._waiting)))
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._sweep)

    def leave(self, arrival: "Arrival") -> None:
        """``arrival`` has a whole head, or is gone."""
        self._waiting.pop(arrival, None)

    def _sweep(self) -> None:
        now = self._loop.time()
        while self._waiting:
            arrival, due = next(iter(self._waiting.items()))
            if due > now:
                self._timer = self._loop.call_at(due, self._sweep)
                return
            self._cut_off(arrival)
        self._timer = None

    def _cut_off(self, arrival: "Arrival") -> None:
        self.counters.handshakes_cut_off += 1
        del self._waiting[arrival]
        arrival.abort()

    def parse(self, head: bytes) -> tuple[RawRequestMessage, bytes] | None:
        """The upgrade that ``head`` asks for and what follows it, or None where it is anything else."""
        parser = HttpRequestParser(
            self._no_body,
            self._loop,
            MAX_HEAD_BYTES,
            # A token may be all but the whole of it.
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
        )
        try:
            messages, upgraded, rest = parser.feed_data(head)
        except HttpProcessingError:
            return None
        if not upgraded or len(messages) != 1:
            return None
        message = messages[0][0]
        return (message, rest) if message.url.raw_path == self._upgrade_path else None

    def close(self) -> None:
        """Cut off whoever has not finished."""
        if self._timer is not None:
            self._timer.cancel()
        for arrival in tuple(self._waiting):
            arrival.abort()
        self._waiting.clear()


class Arrival(asyncio.Protocol):
    """One connection. With a whole head it is replaced by what ``upgrade`` returns, or stands before aiohttp."""

    __slots__ = ("_arrivals", "_handler", "_head", "_key", "peer", "refusal", "transport")

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._head = b""
        self._handler: asyncio.Protocol | None = None
        self._key: str | None = None
        self.refusal: RefusalError | None = None
        """What the first request was refused for; whoever answers it takes this away."""

    def abort(self) -> None:
        """Cut off without a word."""
        self.transport.abort()

    def hand_over(self) -> str | None:
        """What the connection is counted under, see `Entrance.arrive`; whoever asks counts it out from now on."""
        key, self._key = self._key, None
        return key

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection was accepted (called by the event loop)."""
        self.transport = cast("asyncio.Transport", transport)
        if not self._arrivals.has_room():
            self._arrivals.counters.connections_refused["descriptors"] += 1
            self.transport.write(_FULL)
            self.transport.close()
            return
        peer = transport.get_extra_info("peername")
        self.peer: str | None = peer[0] if peer else None
        try:
            self._key = self._arrivals.entrance.arrive(self.peer)
        except RefusalError as error:
            # Before a byte of it is read.
            self._arrivals.counters.connections_refused[error.reason] += 1
            self.transport.write(_TOO_MANY)
            self.transport.close()
        else:
            self._arrivals.enter(self)

    def data_received(self, data: bytes) -> None:
        """Collect the head, then decide whose it is (called by the event loop)."""
        if self._handler is not None:
            self._handler.data_received(data)
            return
        if self.transport.is_closing():
            return
        before = len(self._head)
        head = self._head + data if before else data
        # Only what is new is searched, and the end may have begun before it.
        end = head.find(_END, max(0, before - len(_END)))
        if end < 0 and len(head) < MAX_HEAD_BYTES:
            self._head = head
            return
        self._arrivals.leave(self)
        self._head = b""
        if 0 <= end < MAX_HEAD_BYTES:
            self._decide(head)
        else:
            self._arrivals.counters.connections_refused["too_large"] += 1
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _decide(self, head: bytes) -> None:
        arrivals, transport = self._arrivals, self.transport
        parsed = arrivals.parse(head) if head.startswith(arrivals.upgrade_line) else None
        if parsed is not None:
            message, rest = parsed
            protocol = arrivals.upgrade(message, self)
            if protocol is not None:
                transport.set_protocol(protocol)
                if rest:
                    protocol.data_received(rest)
                return
        self._handler = arrivals.serve()
        self._handler.connection_made(transport)
        self._handler.data_received(head)

    def eof_received(self) -> bool | None:
        """The client has finished sending (called by the event loop)."""
        return self._handler.eof_received() if self._handler is not None else None

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self._arrivals.leave(self)
        self._arrivals.entrance.depart(self.hand_over())
        if self._handler is not None:
            self._handler.connection_lost(error)

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol.pause_writing`."""
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol.resume_writing`."""
        if self._handler is not None:
            self._handler.resume_writing()
