"""Of several pollers of one venue on one bus one leads: it has the lease in the bus's store, and only it publishes.

The others stand by with their source running, so that who takes over knows every price already. Two of them on
one IP are no harm: an exchange link costs a few of the 300 connections that Binance allows in five minutes, or,
where it is polled, some 360 of the 6,000 request weight of a minute.

The bus itself refuses what comes without the lease, at the moment of sending. So no clock of ours decides who may
publish: a leader that was frozen, even in the middle of a write, or whose last words were long on their way, cannot
be heard over its successor, and the last values that a successor reads once it has the lease are final.

Beats extend the lease. `TTL_S` after the last one, at the latest `STAND_BY_S` later, another poller leads: before
the three seconds without a beat are over, after which a gateway calls its prices stale.
"""

import logging
from collections.abc import Callable
from typing import Final

from market.bus import Bus, BusDownError, Token
from market.topics import last_ticks
from market.venues import DEFAULT_VENUE
from poller.publishing.sequencer import Sequencer

TTL_S: Final = 2.0
"""A beat may be one second late before the lead is lost."""
STAND_BY_S: Final = 0.4
"""Between two tries to take the lead, give or take a fifth."""

_LEASE: Final = "poller"
"""The default venue's lease."""

logger = logging.getLogger(__name__)


class Lead:
    """One poller's claim to the lead."""

    def __init__(
        self, bus: Bus, sequencer: Sequencer, *, owner: str, now_us: Callable[[], int], venue: str = DEFAULT_VENUE
    ) -> None:
        """Claim on ``bus`` in the name of ``owner``, which no other poller has; ``sequencer`` learns of the others."""
        self._lease = _LEASE if venue == DEFAULT_VENUE else f"{_LEASE}.{venue}"
        self._owner = owner
        self._bus = bus
        self._sequencer = sequencer
        self._now_us = now_us
        self._token: Token | None = None
        """Of our term, while we lead as far as we know."""
        self._told: bool | None = True
        """Whether the log says that we lead, which goes without saying where nobody else did; None: to be told anew."""

    @property
    def token(self) -> Token:
        """What publishing is to be done under; only of who leads."""
        assert self._token is not None
        return self._token

    async def take(self, *, fit: bool) -> bool:
        """Lead, if nobody else does; either way number on above what was published.

        Who stands by and is ``fit``, because it hears the exchange, makes itself known as a successor.

        Raises:
            BusDownError: try again later; what was taken meanwhile runs out by itself.
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
        if leads != self._told:
            self._told = leads
            logger.info("leading: this poller publishes" if leads else "standing by: another poller publishes")
        return leads

    async def has_successor(self) -> bool:
        """Whether a poller that hears the exchange stands by, as far as the bus answers."""
        try:
            return await self._bus.leadership.take_stand_by(self._lease) not in {None, self._owner}
        except BusDownError:
            return False

    def lost(self) -> None:
        """The bus refused us: the lease had run out, or everything on the bus is gone, or another leads."""
        self._token = self._told = None

    async def release(self) -> None:
        """Let another lead; the lease runs out by itself where the bus does not answer."""
        token, self._token, self._told = self._token, None, None
        if token is None:
            return
        try:
            await self._bus.leadership.release(token)
        except BusDownError as error:
            logger.debug("lease not released: %s", error)
