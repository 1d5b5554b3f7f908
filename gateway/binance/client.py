"""One client of the streams: runs its session over its connection, within Binance's limits and the gateway's own."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from gateway.admission.access_log import Visit
from gateway.admission.limits.buckets import Bucket
from gateway.admission.upgrade_request import Slot, UpgradeRequest
from gateway.auth.grant import Grant
from gateway.binance.names import StreamNames
from gateway.binance.session import Outcome, StreamSession
from gateway.client import costs
from gateway.fanout.cohorts.window import LATE_S, LONGEST_RTT_S, note_round_trip
from gateway.gateway import Gateway
from gateway.log_events import STREAM_CLIENT_STALE
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.connection import Connection
from gateway.websocket.framing.frames import PONG, TEXT, frame
from gateway.websocket.framing.parser import MessageVerdict

MESSAGES_PER_S: Final = 5
"""Of one connection, pings among them; one more closes it."""

logger = logging.getLogger(__name__)


class StreamClient(Visit):
    """One client, from its first streams to its end."""

    __slots__ = (
        "_bucket", "_errors", "_expiry", "_gateway", "_gone", "_proxied", "_session", "_slot", "_times",
        "began", "connection", "grant",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        gateway: Gateway,
        transport: asyncio.Transport,
        upgrade_request: UpgradeRequest,
        session: StreamSession,
        grant: Grant,
        slot: Slot,
        *,
        gone: Callable[["StreamClient"], None],
    ) -> None:
        """``name`` is for the log. ``gone`` is called at the end, and ``slot`` is freed."""
        super().__init__(upgrade_request.address, gateway.admission.access_log.now())
        self._gateway = gateway
        self._session = session
        self._slot = slot
        self._gone = gone
        self._errors = 0
        self._proxied = upgrade_request.proxied
        self._bucket = Bucket(gateway.budgets.connection)
        self._times: deque[float] = deque(maxlen=MESSAGES_PER_S)
        """When the newest messages came, in the event loop's time."""
        handshake = upgrade_request.handshake
        self.connection = Connection(
            name,
            transport,
            session.encoding,
            gateway.buffers,
            gateway.read_scheduler,
            self,
            gateway.settings.max_message_bytes,
            deflate=handshake.deflate,
            window_bytes=handshake.window_bytes,
            watched=upgrade_request.proxied,
        )
        self.grant = grant
        self.began = gateway.loop.time()
        """When it connected, by the event loop's clock."""
        self._expiry: asyncio.TimerHandle | None = None
        if not math.isinf(grant.expires_at):
            left_s = max(0.0, grant.expires_at - gateway.now_s())
            self._expiry = gateway.loop.call_later(left_s, self.connection.close, CloseReason.EXPIRED)

    @property
    def held(self) -> frozenset[str]:
        """See `gateway.fanout.stale_holders.Holder.held`; none where the operator prefers silence."""
        return self._session.symbols if self._gateway.settings.binance.stale == "close" else frozenset()

    def close_as_stale(self, symbol: str) -> None:
        """See `gateway.fanout.stale_holders.Holder.close_as_stale`."""
        logger.debug(STREAM_CLIENT_STALE, self.connection.client, symbol)
        self.connection.close(CloseReason.STALE)

    @property
    def bearer(self) -> "StreamClient":
        """See `gateway.orders.Listener.bearer`."""
        return self

    def close(self, reason: CloseReason) -> None:
        """Close the connection, as an operator wants; its protocol has no other word."""
        self.connection.close(reason)

    @property
    def payer(self) -> str | None:
        """See `gateway.websocket.connection.Listener.payer`."""
        return self._slot.payer

    def begin(self, snapshots: Sequence[str]) -> None:
        """Send the streams that its URL named, the newest updates of these topics first."""
        self._apply(Outcome(self._session.wants, snapshots=snapshots))

    def message_due(self, compressed: int) -> MessageVerdict:
        """See `gateway.websocket.connection.Listener.message_due`."""
        self._gateway.counters.messages_received += 1
        self.messages += 1
        return "ok" if self._is_in_time(costs.of_inflating(compressed) if compressed else 0) else "drop"

    def message_received(self, _opcode: int, data: bytes) -> None:
        """See `gateway.websocket.connection.Listener.message_received`."""
        command = self._session.encoding.decode(data)
        outcome = self._session.obey(command)
        held = 0 if outcome.wants is None else sum(len(one.topics) for one in outcome.wants)
        tokens = costs.of_bytes(len(data)) + costs.of_holding(held, len(outcome.snapshots))
        if tokens:
            self._gateway.budgets.charge(self._bucket, self._slot, tokens, self._gateway.loop.time())
        self._apply(outcome)

    def frame_received(self, opcode: int) -> None:
        """See `gateway.websocket.connection.Listener.frame_received`."""
        # Some clients answer each ping twice, with its copy and with an empty pong.
        self._is_in_time(counts=opcode != PONG)

    def ping_answered(self, number: int) -> bool:
        """See `gateway.websocket.connection.Listener.ping_answered`."""
        return self._gateway.hub.answered(self.connection, number)

    def heartbeat_answered(self, number: int, took_s: float) -> None:
        """See `gateway.websocket.connection.Listener.heartbeat_answered`."""
        hub = self._gateway.hub
        hub.read_up_to(self.connection, number)
        if took_s > LATE_S:
            hub.read_late(self.connection)
        elif took_s < LONGEST_RTT_S and not self._proxied:
            hub.read_promptly(self.connection)
        note_round_trip(self.connection, took_s)

    def connection_lost(self) -> None:
        """See `gateway.websocket.connection.Listener.connection_lost`."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._gateway.stale_holders.remove(self)
        self._gone(self)
        subject = self._slot.subject
        self._gateway.admission.leave(self._slot)
        self._gateway.remove(self.connection)
        self._gateway.admission.access_log.closed(self.connection, subject, self)

    def serve(self, names: StreamNames) -> None:
        """Take these ``names`` from now on; close if it holds streams that are none any more."""
        if self._session.serve(names):
            # Its protocol has no word for it. When it comes back, its streams are refused by name.
            self.connection.close(CloseReason.STALE)
        elif "" in self._session.symbols:
            self._apply(Outcome(self._session.wants))

    def _is_in_time(self, extra: int = 0, *, counts: bool = True) -> bool:
        """Return whether a message or frame is within the limits; if not, close the connection, as Binance does.

        ``counts``: it is one of those that Binance counts. ``extra`` is its cost above that of a ping.
        """
        now, times = self._gateway.loop.time(), self._times
        if self._gateway.budgets.take(self._bucket, self._slot, now, extra) is None:
            if not counts:
                return True
            if len(times) < MESSAGES_PER_S or now - times[0] >= 1.0:
                times.append(now)
                return True
        self._gateway.counters.messages_refused["connection"] += 1
        self.connection.close(CloseReason.TOO_MANY_REQUESTS)
        return False

    def _apply(self, outcome: Outcome) -> None:
        connection, session, hub = self.connection, self._session, self._gateway.hub
        if outcome.wants is not None:
            connection.encoding = session.encoding
            # Pending ticks are written first: none of an old subscription follows the answer.
            hub.move(connection, outcome.wants)
        if outcome.answer:
            connection.reply(frame(TEXT, outcome.answer))
        # An old price would pass for a new one.
        current, old = self._gateway.stale_holders.parted(outcome.snapshots)
        if old:
            hub.send_none(connection, old)
        if current:
            hub.send_snapshots(connection, current)
        if outcome.is_wrong:
            self._count_error()

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors == self._gateway.limits.max_errors:
            self.connection.close(CloseReason.TOO_MANY_ERRORS)
