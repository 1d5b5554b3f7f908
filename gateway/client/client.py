"""One client: runs its session over its connection, and releases everything when the client goes."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from gateway.admission.access_log import Visit
from gateway.admission.limits.buckets import Bucket
from gateway.admission.limits.budget import Payer
from gateway.admission.upgrade_request import Slot, UpgradeRequest
from gateway.auth.grant import Grant
from gateway.client import costs, listing
from gateway.client.option_sets import Wants
from gateway.client.session import Outcome, Session
from gateway.client.token_lifetime import TokenLifetime
from gateway.fanout.cohorts.window import LATE_S, LONGEST_RTT_S, note_round_trip
from gateway.gateway import Gateway
from gateway.protocol.encoding import Encoding
from gateway.protocol.encodings import chosen
from gateway.protocol.messages import Auth, Error
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.connection import Connection
from gateway.websocket.framing.parser import MessageVerdict
from market.prices.symbols import Symbols


class Client(Visit):
    """One client, from its welcome (`gateway.client.welcome`) to its end."""

    __slots__ = ("_bucket", "_gateway", "_proxied", "_session", "_slot", "_token_lifetime", "connection")

    def __init__(
        self,
        name: str,
        gateway: Gateway,
        transport: asyncio.Transport,
        upgrade_request: UpgradeRequest,
        grant: Grant | None,
        slot: Slot,
    ) -> None:
        """``name`` is for the log and the client; ``grant`` is None for a client without a token yet.

        ``slot`` is freed at the end.
        """
        super().__init__(upgrade_request.address, gateway.admission.access_log.now())
        self._gateway = gateway
        self._slot = slot
        settings, handshake = gateway.settings, upgrade_request.handshake
        encoding = chosen(upgrade_request.path, handshake.protocol)
        self.connection = Connection(
            name,
            transport,
            encoding,
            gateway.buffers,
            gateway.read_scheduler,
            self,
            settings.max_message_bytes,
            deflate=handshake.deflate,
            window_bytes=handshake.window_bytes,
            watched=upgrade_request.proxied,
        )
        self._session = Session(
            settings.symbols, gateway.limits, encoding, now_us=gateway.now_us, deflate=handshake.deflate, grant=grant
        )
        self._proxied = upgrade_request.proxied
        self._bucket = Bucket(gateway.budgets.connection)
        if not encoding.tells_states:
            gateway.stale_holders.add(self)
        self._token_lifetime: TokenLifetime | None = None
        if gateway.authenticator is not None:
            self._token_lifetime = TokenLifetime(gateway, self._session, self.connection, slot, self._apply, self._obey)
            self._token_lifetime.begin(grant)

    @property
    def payer(self) -> str | None:
        """See `gateway.websocket.connection.Listener.payer`."""
        return self._slot.payer

    @property
    def held(self) -> Collection[str]:
        """See `gateway.fanout.stale_holders.Holder.held`."""
        return self._session.held

    def close_as_stale(self, symbol: str) -> None:  # noqa: ARG002 # its protocol has no word for it
        """See `gateway.fanout.stale_holders.Holder.close_as_stale`."""
        self.connection.close(CloseReason.STALE)

    def message_due(self, compressed: int) -> MessageVerdict:
        """See `gateway.websocket.connection.Listener.message_due`."""
        self._gateway.counters.messages_received += 1
        self.messages += 1
        if self._session.grant is None and compressed > costs.UNKNOWN_COMPRESSED:
            self.connection.close(CloseReason.TOO_BIG_WITHOUT_TOKEN)
            return "drop"
        if self._is_in_time(costs.of_inflating(compressed) if compressed else 0):
            return "ok"
        return "drop" if self.connection.closing else "read"

    def message_received(self, opcode: int, data: bytes) -> None:
        """See `gateway.websocket.connection.Listener.message_received`."""
        tokens = costs.of_bytes(len(data))
        if tokens:
            self._charge(tokens)
        if opcode != self.connection.encoding.opcode:
            self._apply(self._session.receive_wrong_frame())
        elif self._token_lifetime is None or not self._token_lifetime.holds(data):
            self._obey(data)

    def frame_received(self, _opcode: int) -> None:
        """See `gateway.websocket.connection.Listener.frame_received`."""
        self._is_in_time(was_message=False)

    def ping_answered(self, number: int) -> bool:
        """See `gateway.websocket.connection.Listener.ping_answered`."""
        return self._gateway.hub.answered(self.connection, number)

    def heartbeat_answered(self, number: int, took_s: float) -> None:
        """See `gateway.websocket.connection.Listener.heartbeat_answered`."""
        self._gateway.hub.read_up_to(self.connection, number)
        if took_s > LATE_S:
            self._gateway.hub.read_late(self.connection)
        elif took_s < LONGEST_RTT_S and not self._proxied:
            self._gateway.hub.read_promptly(self.connection)
        note_round_trip(self.connection, took_s)

    def connection_lost(self) -> None:
        """See `gateway.websocket.connection.Listener.connection_lost`."""
        if self._token_lifetime is not None:
            self._token_lifetime.end()
        subject = self._slot.subject
        self._gateway.admission.leave(self._slot)
        self._gateway.stale_holders.remove(self)
        self._gateway.remove(self.connection)
        self._gateway.admission.access_log.closed(self.connection, subject, self)

    @property
    def bearer(self) -> TokenLifetime | None:
        """See `gateway.orders.Listener.bearer`."""
        return self._token_lifetime

    def serve(self, symbols: Symbols) -> bool:
        """See `Session.serve`."""
        return self._session.serve(symbols)

    def give_up(self, notices: Callable[[frozenset[str], Encoding], bytes]) -> None:
        """Unsubscribe the client from symbols that are no longer served; ``notices`` makes the frames that say so."""
        connection, session = self.connection, self._session
        gone = frozenset() if connection.closing else session.give_up()
        if gone:
            self._resume(session.drop(gone))
            connection.reply(notices(gone, connection.encoding))

    def _is_in_time(self, extra: int = 0, *, was_message: bool = True) -> bool:
        """Return whether a message is within the client's rates; if not, refuse it, or close the connection.

        ``extra`` is its cost above that of a ping. Without ``was_message`` it was a frame such as a ping; its refusal
        is silent.
        """
        gateway = self._gateway
        # Only a compressed message needs work before it can be refused.
        anyway = extra > 0 and self.connection.reads_all
        refusal = gateway.budgets.take(self._bucket, self._slot, gateway.loop.time(), extra, anyway=anyway)
        if refusal is None:
            return True
        gateway.counters.messages_refused[refusal.payer] += 1
        self._log_refusal(refusal.payer)
        if refusal.verdict == "close":
            self.connection.close(CloseReason.TOO_MANY_MESSAGES)
        elif was_message:
            self._apply(self._session.rate_limited())
        return False

    def _log_refusal(self, payer: Payer) -> None:
        """Log once that ``payer`` has met a limit."""
        gateway, slot = self._gateway, self._slot
        settings, met = gateway.settings, gateway.admission.limit_log.met
        match payer:
            case "connection":
                who = f"client {self.connection.client}"
                met(slot.payer or who, "MAX_MESSAGES_PER_SECOND", settings.max_messages_per_second)
            case "subject":
                limit = settings.max_messages_per_second_per_subject
                met(f"subject {slot.subject!a}", "MAX_MESSAGES_PER_SECOND_PER_SUBJECT", limit)
            case "address":
                met(slot.payer or "", "MAX_MESSAGES_PER_SECOND_PER_IP", settings.max_messages_per_second_per_ip)

    def _charge(self, tokens: int) -> None:
        self._gateway.budgets.charge(self._bucket, self._slot, tokens, self._gateway.loop.time())

    def _obey(self, data: bytes) -> None:
        """Charge a message, then carry it out."""
        session = self._session
        command = session.read(data)
        tokens = session.cost(command)
        if tokens:
            self._charge(tokens)
        outcome = session.obey(command)
        if outcome.tokens:
            self._charge(outcome.tokens)
        self._apply(outcome)

    def _apply(self, outcome: Outcome) -> None:
        gateway, connection, session = self._gateway, self.connection, self._session
        if outcome.wants is not None:
            # Pending ticks are written first: no tick of an old subscription follows the reply.
            if outcome.since or connection in gateway.replays:
                self._resume(outcome.wants, outcome.snapshots or outcome.states, outcome.since)
            else:
                session.wants = gateway.hub.move(connection, outcome.wants)
        for reply in outcome.replies:
            if isinstance(reply, Error):
                gateway.counters.errors_sent[reply.code] += 1
            connection.reply(connection.encoding.message_frame(reply))
        if outcome.listing is not None:
            for message in listing.messages(gateway, *outcome.listing):
                connection.reply(connection.encoding.message_frame(message))
        if outcome.snapshots:
            snapshots: Collection[str] = outcome.snapshots
            if not connection.encoding.tells_states:
                snapshots, old = gateway.stale_holders.parted(snapshots)
                gateway.hub.send_none(connection, old)
            gateway.hub.send_snapshots(connection, snapshots)
        elif outcome.states:
            gateway.hub.send_none(connection, outcome.states)
            gateway.hub.send_states(connection, outcome.states)
        if outcome.since:
            gateway.replays.send_states(connection, outcome.since)
        if outcome.close is not None:
            connection.close(outcome.close)
        if outcome.auth is not None:
            self._authenticate(outcome.auth)

    def _resume(self, wants: Wants, named: Collection[str] = (), since: Mapping[str, int] | None = None) -> None:
        """Let it hold ``wants``. What it missed of topics behind the positions ``since`` follows.

        Other topics that are ``named`` are not resumed.
        """
        session = self._session
        move, charge = self._gateway.replays.move, self._charge
        session.wants = move(self.connection, wants, named=named, since=since, charge=charge, keep=session.keep)

    def _authenticate(self, auth: Auth) -> None:
        if self._token_lifetime is not None:
            self._token_lifetime.authenticate(auth)
        else:
            # No token is needed here; a client that sends one gets the same answer as elsewhere.
            assert self._session.grant is not None
            self._apply(self._session.authenticated(self._session.grant, auth.mark))
