"""One client of a stream of events: what it asked for in its request, until it goes. It says nothing more."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from gateway.admission.access_log import Visit
from gateway.admission.upgrade_request import Slot
from gateway.auth.grant import Grant
from gateway.client.session import Outcome, Session
from gateway.client.token_lifetime import TokenLifetime
from gateway.events.messages import retry
from gateway.events.stream import EventStream
from gateway.gateway import Gateway
from gateway.protocol.encoding import Encoding
from gateway.protocol.event_encoding import EVENTS
from gateway.protocol.messages import Error, Status, Welcome
from market.prices.symbols import Symbols

_RETRY_MS: Final = (1_000, 3_000)
"""A browser connects again so long after the end of a stream: not all of them at once."""

_DEAD_AFTER: Final = 1.5
"""As often as `Welcome.heartbeat_s`, as for a WebSocket."""


class StreamClient(Visit):
    """One client, from the head of its answer to its end."""

    __slots__ = ("_gateway", "_session", "_slot", "_token_lifetime", "connection")

    def __init__(
        self,
        name: str,
        gateway: Gateway,
        transport: asyncio.Transport,
        session: Session,
        grant: Grant,
        slot: Slot,
        address: str,
    ) -> None:
        """``name`` is for the log and the client. ``session`` has read its request. ``slot`` is freed at the end."""
        super().__init__(address, gateway.admission.access_log.now())
        self._gateway = gateway
        self._slot = slot
        self._session = session
        unreachable_s = _DEAD_AFTER * gateway.settings.heartbeat_s
        self.connection = EventStream(name, transport, EVENTS, gateway.buffers, self, unreachable_s)
        self._token_lifetime: TokenLifetime | None = None
        if gateway.authenticator is not None:
            self._token_lifetime = TokenLifetime(gateway, session, self.connection, slot, self._apply, _obey_nothing)
            self._token_lifetime.begin(grant)

    def begin(self, head: bytes, outcome: Outcome) -> None:
        """Write the ``head`` of the answer, the welcome, the status of each venue, and what the request asked for."""
        gateway, connection = self._gateway, self.connection
        gateway.add(connection)
        gateway.heartbeats.add(connection)
        frame = connection.encoding.message_frame
        welcome = Welcome(client=connection.client, heartbeat_s=gateway.settings.heartbeat_s)
        statuses: tuple[Status, ...] = gateway.feed.statuses
        # Spread by chance; nothing secret depends on it.
        first = retry(random.randint(*_RETRY_MS)) + b"".join(map(frame, (welcome, *statuses)))  # noqa: S311
        connection.reply(head + first)
        self._apply(outcome)

    @property
    def bearer(self) -> TokenLifetime | None:
        """See `gateway.orders.Listener.bearer`."""
        return self._token_lifetime

    def serve(self, symbols: Symbols) -> bool:
        """See `Session.serve`."""
        return self._session.serve(symbols)

    def give_up(self, notices: Callable[[frozenset[str], Encoding], bytes]) -> None:
        """See `gateway.client.client.Client.give_up`."""
        connection, session = self.connection, self._session
        gone = frozenset() if connection.closing else session.give_up()
        if gone:
            self._move(Outcome(wants=session.drop(gone)))
            connection.reply(notices(gone, connection.encoding))

    def connection_lost(self) -> None:
        """See `gateway.events.stream.Listener.connection_lost`."""
        if self._token_lifetime is not None:
            self._token_lifetime.end()
        subject = self._slot.subject
        self._gateway.admission.leave(self._slot)
        self._gateway.heartbeats.remove(self.connection)
        self._gateway.remove(self.connection)
        self._gateway.admission.access_log.closed(self.connection, subject, self)

    def _apply(self, outcome: Outcome) -> None:
        gateway, connection = self._gateway, self.connection
        if outcome.wants is not None:
            self._move(outcome)
        for reply in outcome.replies:
            if isinstance(reply, Error):
                gateway.counters.errors_sent[reply.code] += 1
            connection.reply(connection.encoding.message_frame(reply))
        if outcome.snapshots:
            gateway.hub.send_snapshots(connection, outcome.snapshots)
        elif outcome.states:
            gateway.hub.send_states(connection, outcome.states)
        if outcome.since:
            gateway.replays.send_states(connection, outcome.since)
        if outcome.close is not None:
            connection.close(outcome.close)

    def _move(self, outcome: Outcome) -> None:
        gateway, connection, session = self._gateway, self.connection, self._session
        assert outcome.wants is not None
        session.wants = gateway.replays.move(
            connection,
            outcome.wants,
            named=outcome.snapshots or outcome.states,
            since=outcome.since,
            charge=self._charge,
            keep=session.keep,
        )

    def _charge(self, tokens: int) -> None:
        """Charge the work of a replay to the subject and the address, as a WebSocket's is."""
        budgets, slot, now = self._gateway.budgets, self._slot, self._gateway.loop.time()
        if slot.subject:
            budgets.subjects.charge(slot.subject, tokens, now)
        if slot.payer is not None:
            budgets.addresses.charge(slot.payer, tokens, now)


def _obey_nothing(_message: bytes) -> None:
    """Do nothing: no message comes."""
