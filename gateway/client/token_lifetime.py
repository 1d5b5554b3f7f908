"""The token of one client: not shown yet, being checked, valid for a while, about to expire.

Only clients of a gateway that asks for tokens have one. The clock is the event loop's: a wall clock that is set neither
ends a valid token nor keeps one alive.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final, Protocol

from gateway.admission.upgrade_request import Slot
from gateway.auth.grant import Grant, RefusedError, TryLaterError
from gateway.client.session import Outcome, Session
from gateway.gateway import Gateway
from gateway.protocol.messages import Auth, Error, Expiring, Message
from gateway.websocket.close_codes import CloseReason

NOTICE_S: Final = 30.0
"""`Expiring` is sent this long before a token ends; at once if the token lasts shorter."""

MOST_HELD: Final = 64
"""The most messages that may wait while a token is being checked."""

MOST_HELD_BYTES: Final = 64 * 1024
"""The most bytes of all of these: nobody knows yet whose they are."""


class Closable(Protocol):
    """A client's connection."""

    closing: bool
    """Whether it has begun to end."""

    def close(self, reason: CloseReason) -> None:
        """End it."""


class TokenLifetime:
    """One client's token, and the messages that wait while it is checked."""

    __slots__ = (
        "_apply",
        "_connection",
        "_gateway",
        "_held",
        "_looking",
        "_loop",
        "_obey",
        "_session",
        "_slot",
        "_timers",
        "began",
    )  # fmt: skip

    def __init__(
        self,
        gateway: Gateway,
        session: Session,
        connection: Closable,
        slot: Slot,
        apply: Callable[[Outcome], None],
        obey: Callable[[bytes], None],
    ) -> None:
        """``apply`` carries out an outcome; ``obey`` does what a message asks."""
        self._loop = asyncio.get_running_loop()
        self._gateway = gateway
        self._session = session
        self._connection = connection
        self._slot = slot
        self._apply: Callable[[Outcome], None] | None = apply
        self._obey: Callable[[bytes], None] | None = obey
        self.began = self._loop.time()
        """When its client connected, by the event loop's clock."""
        self._timers: list[asyncio.TimerHandle] = []
        self._held: list[bytes] | None = None
        """Messages that wait until a token is checked, and until there is time for them; else None."""
        self._looking = False
        """Whether a token is being checked."""

    def begin(self, grant: Grant | None) -> None:
        """The client came with ``grant``, or has to show a token."""
        if grant is not None:
            self._hold(grant)
        else:
            self._timers.append(self._loop.call_later(self._gateway.settings.auth_timeout_s, self._too_late))

    def end(self) -> None:
        """The client is gone."""
        self._forget_timers()
        # It and the client refer to each other. Also, a check still under way sees that nobody waits for it.
        self._apply = self._obey = None
        self._held = None
        self._gateway.read_scheduler.forget(self)

    @property
    def grant(self) -> Grant | None:
        """What the token allows; None until one was accepted."""
        return self._session.grant

    def close(self, reason: CloseReason) -> None:
        """Close the connection, as an operator wants; say so first where there is a word for it."""
        replies: list[Message] = []
        if reason is CloseReason.REVOKED:
            replies.append(Error(code="revoked", message=reason.reason))
        self._send(Outcome(replies=replies, close=reason))

    def holds(self, message: bytes) -> bool:
        """Keep ``message`` for later if a token is being checked; return whether it was kept."""
        if self._held is None:
            return False
        self._held.append(message)
        if len(self._held) > MOST_HELD or sum(map(len, self._held)) > MOST_HELD_BYTES:
            self._connection.close(CloseReason.TOO_MANY_MESSAGES)
        return True

    def authenticate(self, auth: Auth) -> None:
        """Check a token: now, or in the background if its key must be fetched."""
        authenticator = self._gateway.authenticator
        assert authenticator is not None
        try:
            grant = authenticator.verify_now(auth.token)
        except RefusedError as error:
            self._refuse(error, auth)
            return
        if grant is not None:
            self._accept(grant, auth)
        else:
            if self._session.grant is None:
                # The token came in time; the time to check it is not the client's fault.
                self._forget_timers()
            self._looking = True
            self._held = self._held or []
            self._gateway.wait_for(self._authenticate_later(auth))

    async def _authenticate_later(self, auth: Auth) -> None:
        authenticator = self._gateway.authenticator
        assert authenticator is not None
        try:
            grant = await authenticator.verify(auth.token)
        except RefusedError as error:
            self._refuse(error, auth)
        except TryLaterError as error:
            close = CloseReason.TRY_LATER if self._session.grant is None else None
            self._send(Outcome(replies=[Error(code="try_later", message=str(error), id=auth.mark)], close=close))
        else:
            self._accept(grant, auth)
        self._looking = False
        # A key that many clients wait for releases all of them at once.
        self._gateway.read_scheduler.wait(self, self._slot.payer)

    def resume(self) -> None:
        """Handle the kept messages in order, while there is time (called by `gateway.websocket.read_scheduler`)."""
        read_scheduler = self._gateway.read_scheduler
        while self._held and not self._looking and self._obey is not None and self._is_here():
            if read_scheduler.is_over():
                read_scheduler.wait(self, self._slot.payer)
                return
            self._obey(self._held.pop(0))
        if not self._looking:
            self._held = None

    def _accept(self, grant: Grant, auth: Auth) -> None:
        if not self._is_here():
            return
        gateway = self._gateway
        if self._session.grant is None and not gateway.admission.identify(self._slot, grant):
            problem = "too many connections with tokens of this subject"
            refusal = Error(code="too_many_connections", message=problem, id=auth.mark)
            self._send(Outcome(replies=[refusal], close=CloseReason.TOO_MANY_CONNECTIONS))
            return
        outcome = self._session.authenticated(grant, auth.mark)
        if outcome.close is None:
            self._hold(grant)
        self._send(outcome)

    def _refuse(self, error: RefusedError, auth: Auth) -> None:
        self._gateway.counters.tokens_refused[error.code] += 1
        self._send(self._session.refused(str(error), auth.mark, revoked=error.code == "revoked"))

    def _hold(self, grant: Grant) -> None:
        self._forget_timers()
        if not math.isinf(grant.expires_at):
            left_s = max(0.0, grant.expires_at - self._gateway.now_s())
            self._timers.append(self._loop.call_later(max(0.0, left_s - NOTICE_S), self._expiring, grant))
            self._timers.append(self._loop.call_later(left_s, self._expired))

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _too_late(self) -> None:
        refusal = Error(code="unauthorised", message="no token came in time")
        self._send(Outcome(replies=[refusal], close=CloseReason.AUTH_TIMEOUT))

    def _expiring(self, grant: Grant) -> None:
        self._send(Outcome(replies=[Expiring(expires_us=grant.expires_us)]))

    def _expired(self) -> None:
        refusal = Error(code="expired", message="the token has expired; connect with another")
        self._send(Outcome(replies=[refusal], close=CloseReason.EXPIRED))

    def _is_here(self) -> bool:
        # The client may have gone while a key was fetched.
        return self._apply is not None and not self._connection.closing

    def _send(self, outcome: Outcome) -> None:
        if self._apply is not None and not self._connection.closing:
            self._apply(outcome)
