"""One-time tickets: a substitute for a token where a client can send no header, as in a browser's WebSocket URL.

A ticket is good once, for a short time, and at whichever gateway it is shown first. The grant behind it is in the bus's
store, which gives it to one taker only. The store has a digest of the ticket, so reading the store gives nobody a
ticket.
"""

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.auth.grant import Grant
from gateway.log_events import TICKET_UNREADABLE
from market.bus import TicketStore
from market.wire.codec import UNREADABLE

logger = logging.getLogger(__name__)

_GRANT: Final = msgspec.msgpack.Decoder(Grant)


class Tickets:
    """Issues tickets, and redeems each at most once among all gateways of one store."""

    def __init__(
        self,
        store: TicketStore,
        now_s: Callable[[], float] = time.time,
        ttl_s: float = 30.0,
        token_bytes: int = 32,
    ) -> None:
        """``now_s`` is the wall clock (Unix seconds). The store counts ``ttl_s``, because gateways' clocks differ.

        A ticket is made of ``token_bytes`` random bytes; 32 are beyond guessing.
        """
        self._store = store
        self._now_s = now_s
        self.ttl_s = ttl_s
        self._token_bytes = token_bytes
        # Base64 without padding (RFC 4648, section 5).
        self._form = re.compile(rf"[A-Za-z0-9_-]{{{-(-token_bytes * 4 // 3)}}}")

    async def issue(self, grant: Grant) -> str:
        """A new ticket for ``grant``.

        Raises:
            BusDownError: the store does not answer.
        """
        ticket = secrets.token_urlsafe(self._token_bytes)
        await self._store.put(_key(ticket), msgspec.msgpack.encode(grant), self.ttl_s)
        return ticket

    async def redeem(self, ticket: str) -> Grant | None:
        """The grant of a ticket, which is used up by this; None if there is none, or it is used or too old.

        Raises:
            BusDownError: the store does not answer; the ticket may be used up.
        """
        if not self._form.fullmatch(ticket):
            return None
        value = await self._store.take(_key(ticket))
        if value is None:
            return None
        try:
            grant = _GRANT.decode(value)
        except UNREADABLE:
            logger.warning(TICKET_UNREADABLE)
            return None
        # The token behind the ticket may have expired since.
        return grant if self._now_s() < grant.expires_at else None


def _key(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
