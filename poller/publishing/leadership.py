"""One poller of each venue leads: it has the lease in the bus's store, and only it publishes.

The others stand by with their source running, so a new leader knows every price already. Two pollers on one IP do
no harm: a connection to the exchange costs a few of the 300 that Binance allows in five minutes; polling costs some 360
of the 6,000 request weight of a minute.

The bus refuses a publish without the lease, at the moment of sending. So our clocks do not decide who may publish. A
leader that was frozen cannot publish after its successor, even if it was in the middle of a write. The last values that
a successor reads once it has the lease are final.

Heartbeats extend the lease. Another poller leads `TTL_S` after the last one, or at most `STAND_BY_S` later: before a
gateway calls prices stale, which it does after three seconds without a heartbeat.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from market.bus import Bus, BusDownError, Token
from market.prices.venues import DEFAULT_VENUE
from market.wire.topics import last_ticks
from poller.log_events import LEADING, LEASE_NOT_RELEASED, STANDING_BY
from poller.publishing.sequencer import Sequencer

TTL_S: Final = 2.0
"""A heartbeat may be one second late before the lease is lost."""
STAND_BY_S: Final = 0.4
"""Between two attempts to take the lease, give or take a fifth."""

_LEASE: Final = "poller"
"""The default venue's lease."""

logger = logging.getLogger(__name__)


def lease_of(venue: str) -> str:
    """The lease of the pollers of ``venue``."""
    return _LEASE if venue == DEFAULT_VENUE else f"{_LEASE}.{venue}"


class Lead:
    """One poller's claim to the lead."""

    def __init__(
        self, bus: Bus, sequencer: Sequencer, *, owner: str, now_us: Callable[[], int], venue: str = DEFAULT_VENUE
    ) -> None:
        """Claim the lease of ``venue`` for ``owner``, a name that no other poller has.

        ``sequencer`` gets the last values that other pollers have published.
        """
        self._lease = lease_of(venue)
        self._owner = owner
        self._bus = bus
        self._sequencer = sequencer
        self._now_us = now_us
        self._token: Token | None = None
        """The token of our term, as far as we know; None while another poller leads."""
        self._logged: bool | None = True
        """Whether the log says that we lead; None: log it again. True at first, so a single poller logs nothing."""
        self._leads: bool | None = None
        """Whether we led when we asked last; None: not known."""
        self.role_changed = asyncio.Event()
        """Set when we begin to lead or to stand by."""

    @property
    def token(self) -> Token:
        """The token to publish with. It exists only while we lead."""
        assert self._token is not None
        return self._token

    @property
    def term(self) -> str:
        """A name of our term that no other term of any poller has."""
        return f"{self._owner}#{self.token.epoch}"

    async def take(self, *, fit: bool) -> bool:
        """Lead, if no other poller does; in both cases number ticks above those published.

        A poller that stands by and is ``fit``, because it receives the exchange's data, registers as a successor.

        Raises:
            BusDownError: try again later; a lease that was taken meanwhile expires by itself.
        """
        self._token = await self._bus.leadership.acquire(self._lease, self._owner, TTL_S)
        leads = self._token is not None
        last_values = await last_ticks(self._bus.last_values)
        now_ms = self._now_us() // 1_000
        if leads:
            self._sequencer.lead(last_values, now_ms)
        else:
            self._sequencer.follow(last_values, now_ms)
            if fit:
                await self._bus.leadership.stand_by(self._lease, self._owner, TTL_S)
        if leads != self._logged:
            self._logged = leads
            logger.info(LEADING if leads else STANDING_BY)
        if leads != self._leads:
            self._leads = leads
            self.role_changed.set()
        return leads

    async def has_successor(self) -> bool:
        """Whether a fit poller stands by; False if the bus does not answer."""
        try:
            return await self._bus.leadership.take_stand_by(self._lease) not in {None, self._owner}
        except BusDownError:
            return False

    def lost(self) -> None:
        """The bus refused us: the lease has expired, the bus lost its data, or another poller leads."""
        self._token = self._logged = self._leads = None

    async def release(self) -> None:
        """Let another poller lead; the lease expires by itself if the bus does not answer."""
        token, self._token, self._logged, self._leads = self._token, None, None, None
        if token is None:
            return
        try:
            await self._bus.leadership.release(token)
        except BusDownError as error:
            logger.debug(LEASE_NOT_RELEASED, error)
