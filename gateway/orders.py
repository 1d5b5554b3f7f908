"""Obeys what operators tell all gateways: closes the connections of kicked subjects and of revoked tokens.

Only a gateway that asks for tokens does. It reads the orders twice a second. If the bus does not answer, it goes on
with those that it knows, and reads again until there is an answer.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Final, Protocol

from gateway.auth.grant import Grant
from gateway.auth.revocations import Revocations
from gateway.events.stream import EventStream
from gateway.gateway import Gateway
from gateway.log_events import ORDER_UNREADABLE, ORDERS_IMPOSSIBLE, ORDERS_KNOWN, ORDERS_UNKNOWN, SUBJECT_CLOSED
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.connection import Connection
from market.bus import BusDownError, NoStoreError
from market.bus.orders import Standing
from market.wire.orders import Kick, Revoke, decode_order

READ_EVERY_S: Final = 0.5
"""An order that was not given within the last half second has been obeyed."""

_SLICE: Final = 200
"""So many connections are closed at a time: prices go out between."""

logger = logging.getLogger(__name__)


class Bearer(Protocol):
    """Who came with a token."""

    @property
    def grant(self) -> Grant | None:
        """What it allows; None if it is still to come."""

    @property
    def began(self) -> float:
        """When it connected, by the event loop's clock."""

    def close(self, reason: CloseReason) -> None:
        """End its connection."""


class Orders:
    """The orders that one gateway knows, and has obeyed."""

    def __init__(self, gateway: Gateway, revocations: Revocations) -> None:
        """Keep ``revocations`` current, which the authenticator of ``gateway`` checks tokens by."""
        self._gateway = gateway
        self._revocations = revocations
        self._version = b""
        self._revoked: dict[str, float] = {}
        """Token id -> until when, by the event loop's clock."""
        self._kicked: dict[str, int] = {}
        """Subject -> when the kick that was obeyed was given, by the bus's clock."""
        self._looks_again = False
        """Whether to look once more: a token that was checked before may have got its connection just now."""
        self._problem = ""

    async def run(self) -> None:
        """Read and obey until cancelled."""
        while True:
            try:
                await self.read()
            except NoStoreError as error:
                logger.warning(ORDERS_IMPOSSIBLE, error)
                return
            except BusDownError as error:
                if not self._problem:
                    logger.warning(ORDERS_UNKNOWN, error)
                self._problem = str(error)
            else:
                if self._problem:
                    logger.info(ORDERS_KNOWN)
                self._problem = ""
            await asyncio.sleep(READ_EVERY_S)

    async def read(self) -> None:
        """Read the orders once and obey the new ones.

        Raises:
            BusDownError: the bus did not answer.
        """
        standing = await self._gateway.bus.orders.standing(self._version)
        now = self._gateway.loop.time()
        if standing is None and not self._revoked:
            return
        kicks = {} if standing is None else self._learn(standing, now)
        self._revoked = {token_id: until for token_id, until in self._revoked.items() if until > now}
        self._revocations.ids = frozenset(self._revoked)
        if standing is not None or self._looks_again:
            await self._obey(kicks)
        self._looks_again = standing is not None
        if standing is not None:
            self._version = standing.version

    def _learn(self, standing: Standing, now: float) -> dict[str, float]:
        """Note what stands; return the subjects of new kicks, each with its time by the event loop's clock."""
        kicks: dict[str, float] = {}
        kicked: dict[str, int] = {}
        for kept in standing.orders.values():
            match decode_order(kept.value):
                case Kick(subject):
                    kicked[subject] = kept.given_us
                    if self._kicked.get(subject) != kept.given_us:
                        # Clocks differ, but the age of an order does not depend on them.
                        kicks[subject] = now - (standing.now_us - kept.given_us) / 1e6
                case Revoke(token_id):
                    self._revoked[token_id] = now + (kept.ends_us - standing.now_us) / 1e6
                case None:
                    logger.warning(ORDER_UNREADABLE)
        self._kicked = kicked
        return kicks

    async def _obey(self, kicks: dict[str, float]) -> None:
        closed: Counter[tuple[str, str]] = Counter()
        for number, (bearer, grant, reason) in enumerate(list(self._found(kicks)), 1):
            bearer.close(reason)
            closed[reason.reason, grant.subject] += 1
            if not number % _SLICE:
                await asyncio.sleep(0)
        self._gateway.counters.kicks += closed.total()
        for (reason_text, subject), count in closed.items():
            logger.info(SUBJECT_CLOSED, count, subject, reason_text)

    def _found(self, kicks: dict[str, float]) -> Iterator[tuple[Bearer, Grant, CloseReason]]:
        for connection in self._gateway.hub.connections:
            if not isinstance(connection, Connection | EventStream) or connection.closing:
                continue
            bearer: Bearer | None = getattr(connection.listener, "bearer", None)
            if bearer is None or (grant := bearer.grant) is None:
                continue
            if self._revocations.cover(grant):
                yield bearer, grant, CloseReason.REVOKED
            elif grant.subject in kicks and bearer.began <= kicks[grant.subject]:
                yield bearer, grant, CloseReason.KICKED
