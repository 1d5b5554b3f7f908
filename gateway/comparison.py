"""Is a gateway alone with its stale prices? Then its own link to the bus is at fault, whatever it looks like.

A subscription can die in silence, and then the gateway says that prices are stale, which is true for its clients alone.
It asks what the others say of themselves on the bus. If prices are live at one of them that are stale here, this
gateway is out of service for new clients (``/readyz``), and its link is replaced. If all are stale, as when the poller
has died, all stay in service: they say that prices are stale, and a balancer without servers would say less.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from gateway.fanout.feed.delivery import Backoff
from gateway.log_events import IN_SERVICE, OUT_OF_SERVICE
from market.process.cadence import Cadence
from market.wire.announcing import TTL_S
from market.wire.presence import AnyPresent, GatewayPresent

LOOK_S: Final = 1.0
AFTER_S: Final = TTL_S + LOOK_S
"""Prices must have been stale here for so long: what others said of themselves before counts no more."""
REPLACE_S: Final = 5.0
SELDOM_S: Final = 60.0
"""The link is replaced again after these times, growing, while that does not help."""

logger = logging.getLogger(__name__)


class Comparison:
    """Of one gateway with the others."""

    def __init__(
        self,
        name: str,
        live_venues: Callable[[], Mapping[str, int]],
        others: Callable[[], Awaitable[Iterable[AnyPresent] | None]],
        replace: Callable[[str], None],
        cadence: Cadence,
    ) -> None:
        """``name`` is this gateway's. ``live_venues`` says of each venue whether it is live here; empty at the start.

        ``others`` asks the bus for all processes; None if it does not answer. ``replace`` replaces the link, for a
        reason. ``cadence`` says when it looks.
        """
        self.behind = False
        """Whether prices are live at another gateway that are stale here."""
        self._name = name
        self._live_venues = live_venues
        self._others = others
        self._replace = replace
        self._cadence = cadence
        # Nothing secret depends on it.
        self._pause = Backoff(REPLACE_S, SELDOM_S, random.Random())  # noqa: S311
        self._stale_since: float | None = None
        self._replace_at = 0.0

    async def run(self) -> None:
        """Look once a second until cancelled. It costs nothing while prices are live."""
        while True:
            await asyncio.sleep(self._cadence.wait_s(LOOK_S))
            await self._look()

    async def _look(self) -> None:
        now, live = asyncio.get_running_loop().time(), self._live_venues()
        if all(live.values()):
            self._stale_since = None
            self._pause.reset()
            self._set(behind=False)
            return
        if self._stale_since is None:
            self._stale_since = self._replace_at = now
        if now - self._stale_since < AFTER_S:
            return
        others = await self._others()
        if others is None:
            # Nobody can be compared with now. What was known stays.
            return
        better = self._better(others, live)
        self._set(behind=better is not None)
        if better is not None and now >= self._replace_at:
            self._replace_at = now + self._pause.seconds
            self._pause.grow()
            self._replace(f"prices are stale here, and live at gateway {better.name} ({better.address})")

    def _better(self, others: Iterable[AnyPresent], live: Mapping[str, int]) -> GatewayPresent | None:
        """One in service at which more is live than here: something that is stale here, and all that is live here."""
        for its in others:
            if isinstance(its, GatewayPresent) and its.name != self._name and its.state == "serving":
                theirs = {venue: int(venue in its.venues and venue not in its.stale) for venue in live}
                if theirs != live and all(theirs[venue] >= here for venue, here in live.items()):
                    return its
        return None

    def _set(self, *, behind: bool) -> None:
        if behind != self.behind:
            self.behind = behind
            logger.warning(OUT_OF_SERVICE if behind else IN_SERVICE)
