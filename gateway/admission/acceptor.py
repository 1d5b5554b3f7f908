"""Accepted connections, until the first request of each is whole.

An ordinary WebSocket handshake becomes a client at once, without all that aiohttp makes for a request: a protocol, a
task, a request, a response. Everything else goes to aiohttp, with the bytes it came in. A connection that does not
finish a head in time is cut off, also in later requests (`pending_handshakes`).
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final, cast

from aiohttp.http_parser import RawRequestMessage

from gateway.admission.admission import Admission
from gateway.admission.limits.charges import ConnectionBucket, is_probe
from gateway.admission.limits.grace_periods import GracePeriods
from gateway.admission.pending_handshakes import PendingHandshakes
from gateway.admission.request.head import Heads
from gateway.admission.request.head_parser import HeadParser
from gateway.errors import RefusalError
from gateway.metrics.counters import Counters
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.read_scheduler import ReadScheduler
from gateway.websocket.sockets import peer_of

_FULL: Final = RefusalError(503, "descriptors", "no more connections are taken here; try again", {"Retry-After": "1"})

Upgrade = Callable[[RawRequestMessage, "PendingHandshake"], asyncio.Protocol | None]
"""Answers a handshake and returns the client's protocol; None if aiohttp has to answer."""

AnswerProbe = Callable[[RawRequestMessage, str], bytes]
"""The whole answer to a probe from an address."""


class Acceptor:
    """Makes a protocol for each accepted connection: what ``loop.create_server`` calls."""

    def __init__(
        self,
        admission: Admission,
        upgrade: Upgrade,
        answer_probe: AnswerProbe,
        upgrade_paths: Collection[str],
        serve: Callable[[], asyncio.Protocol],
        counters: Counters,
        buffers: Buffers,
        read_scheduler: ReadScheduler,
        *,
        timeout_s: float,
        most: int,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """``upgrade`` handles requests for ``upgrade_paths``; ``serve`` makes aiohttp's protocol for the others.

        ``answer_probe`` answers probes over a limit; ``timeout_s`` and ``most`` are for `PendingHandshakes`.
        """
        self.admission = admission
        self.upgrade = upgrade
        self.answer_probe = answer_probe
        self.head_parser = HeadParser(*upgrade_paths)
        self.serve = serve
        self.counters = counters
        self.buffers = buffers
        self.grace = GracePeriods()
        self.read_scheduler = read_scheduler
        self.has_room = has_room
        self.pending = PendingHandshakes(counters, timeout_s=timeout_s, most=most)
        self.whole: dict[PendingHandshake, bytes] = {}
        """Heads that wait for a later turn of the event loop."""

    def __call__(self, announced: str | None = None) -> "PendingHandshake":
        """Make the protocol of one accepted connection, of the address that a balancer has ``announced``, if any."""
        return PendingHandshake(self, announced)

    def __len__(self) -> int:
        """The number of connections that are unfinished, or wait for us."""
        return len(self.pending) + len(self.whole)

    def leave(self, pending: "PendingHandshake") -> None:
        """``pending`` has a whole head, or has gone."""
        self.pending.leave(pending)
        self.buffers.forget(pending)

    def close(self) -> None:
        """Cut off all that have not finished."""
        self.pending.close()
        for pending in tuple(self.whole):
            pending.abort()


class PendingHandshake(asyncio.Protocol):
    """One connection. When its head is whole, ``upgrade`` replaces it, or it stays in front of aiohttp.

    ``peer`` is the address of the other end, or the client's if a balancer has ``announced`` that.
    """

    __slots__ = ("_acceptor", "_bucket", "_handler", "_heads", "_is_counted", "announced",
                 "payer", "peer", "refusal", "transport")  # fmt: skip

    def __init__(self, acceptor: Acceptor, announced: str | None) -> None:
        self.peer = self.announced = announced
        self._acceptor = acceptor
        self._heads: Heads | None = Heads()
        self._bucket: ConnectionBucket | None = None
        self._handler: asyncio.Protocol | None = None
        self._is_counted = False
        self.payer: str | None = None
        """What the connection is counted under and its requests are charged to, see `Admission.arrive`."""
        self.refusal: RefusalError | None = None
        """Why the first request is refused; before it, the connection, unless it is a probe's. The answer takes it."""

    waiting_bytes, waits_to_be_read = 0, False

    def abort(self, _reason: str = "") -> None:
        """Cut off without an answer (see `gateway.websocket.buffering.entries.Holder`; nothing waits here)."""
        self.transport.abort()

    def end_unfinished(self) -> None:
        """See `gateway.websocket.buffering.entries.Holder`: this is no message."""

    def hand_over(self) -> bool:
        """Whether the connection is counted under `payer`. The caller counts it out from now on."""
        is_counted, self._is_counted = self._is_counted, False
        return is_counted

    def charge(self, head: bytes) -> None:
        """Charge a request for its work, in advance.

        Raises:
            RefusalError: too many requests.
        """
        if self.payer is not None:
            charges = self._acceptor.admission.charges
            if self._bucket is None:
                self._bucket = charges.connection()
            charges.take_head(self.payer, self._bucket, head)

    def begin_head(self) -> None:
        """A later request has begun: its head has as much time as the first one's."""
        self._acceptor.pending.enter(self)

    def end_head(self) -> None:
        """That head is whole."""
        self._acceptor.leave(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection was accepted (called by the event loop)."""
        self.transport = cast("asyncio.Transport", transport)
        if not self._acceptor.has_room():
            self._refuse(_FULL)
            return
        self.peer = self.announced or peer_of(transport)
        try:
            self.payer = self._acceptor.admission.arrive(self.peer)
            self._is_counted = self.payer is not None
        except RefusalError as error:
            key = self._acceptor.admission.key(self.peer)
            if self._acceptor.grace.give(self, key, self._end_grace):
                self.payer, self.refusal = key, error
            else:
                self._refuse(error)
        else:
            self._acceptor.pending.enter(self)

    def _end_grace(self) -> None:
        """Refuse a connection over a limit that sent no probe."""
        refusal, self.refusal = self.refusal, None
        self._acceptor.grace.end(self)
        if refusal is not None:
            self._refuse(refusal)

    def _answer_probe(self, head: bytes) -> None:
        """Answer one probe over a limit. The connection is counted nowhere, so it ends."""
        message = self._acceptor.head_parser.read(head)
        if message is None:
            self._end_grace()
        else:
            self.transport.write(self._acceptor.answer_probe(message, self.peer or ""))
            self.transport.close()

    def _refuse(self, refusal: RefusalError) -> None:
        self._acceptor.counters.refused(refusal)
        self.transport.write(refusal.to_http())
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Collect the head, then decide who handles it (called by the event loop)."""
        if self._handler is not None:
            self._handler.data_received(data)
            return
        heads = self._heads
        if heads is None or self.transport.is_closing():
            return
        heads.add(data)
        try:
            head = heads.take_head()
        except RefusalError:
            if self.refusal is not None:
                self._end_grace()
                return
            self._complain(heads.take(len(heads)))
            return
        if head is None:
            self._acceptor.buffers.keeps(self, len(heads))
        elif self.refusal is not None and not (is_probe(head) and self._acceptor.grace.may_ask(self.payer or "")):
            self._end_grace()
        else:
            self._take_turn(head, heads)

    def _take_turn(self, head: bytes, heads: Heads) -> None:
        acceptor = self._acceptor
        acceptor.leave(self)
        if self.refusal is not None:
            acceptor.grace.end(self)
        if acceptor.read_scheduler.begin():
            self._decide(head, heads.take(len(heads)))
            acceptor.read_scheduler.end()
        else:
            self.transport.pause_reading()
            acceptor.whole[self] = head
            acceptor.buffers.keeps(self, len(head) + len(heads))
            acceptor.read_scheduler.wait(self, self.payer)

    def resume(self) -> None:
        """Decide who handles it, now that there is time (called by `gateway.websocket.read_scheduler`)."""
        head, heads, transport = self._acceptor.whole.pop(self, None), self._heads, self.transport
        if head is None or heads is None or transport.is_closing():
            return
        self._acceptor.buffers.forget(self)
        transport.resume_reading()
        try:
            self._decide(head, heads.take(len(heads)))
        except BaseException:
            transport.abort()
            raise

    def _decide(self, head: bytes, rest: bytes) -> None:
        acceptor, transport = self._acceptor, self.transport
        if self.refusal is not None:
            self._answer_probe(head)
            return
        message = acceptor.head_parser.for_upgrade(head)
        protocol = None if message is None else acceptor.upgrade(message, self)
        if protocol is not None:
            self._heads = None
            transport.set_protocol(protocol)
            if rest:
                acceptor.read_scheduler.end()
                protocol.data_received(rest)
            return
        refusal = self.refusal
        if refusal is None or not refusal.ends_connection:
            try:
                self.charge(head)
            except RefusalError as error:
                refusal = error
            else:
                self._serve(head + rest)
                return
        self._refuse(refusal)

    def _complain(self, data: bytes) -> None:
        try:
            self.charge(data)
        except RefusalError as error:
            self._refuse(error)
        else:
            self._serve(data)

    def _serve(self, data: bytes) -> None:
        self._acceptor.leave(self)
        self._heads = None
        self._handler = self._acceptor.serve()
        self._handler.connection_made(self.transport)
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """The client has finished sending (called by the event loop)."""
        return self._handler.eof_received() if self._handler is not None else None

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self._acceptor.leave(self)
        self._acceptor.whole.pop(self, None)
        self._acceptor.read_scheduler.forget(self)
        self._acceptor.grace.end(self)
        if self.hand_over():
            self._acceptor.admission.depart(self.payer)
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
