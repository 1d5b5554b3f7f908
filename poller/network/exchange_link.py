"""The state of the link to an exchange, and since when."""

import logging
from collections.abc import Callable
from typing import Literal

from market.wire.status import MAX_REASON
from poller.log_events import EXCHANGE_LINK
from poller.source import LinkState

logger = logging.getLogger(__name__)


class ExchangeLink:
    """Keeps the newest `LinkState`; its ``since_us`` moves only when the link goes up or down."""

    def __init__(self, source: str, now_us: Callable[[], int], reason: str = "not connected yet") -> None:
        self._now_us = now_us
        self.state = LinkState(source, "down", reason, now_us())

    def set(self, source: str, link: Literal["up", "down"], reason: str) -> None:
        """Set the state; nothing happens if it is the same as before."""
        reason = reason if len(reason) <= MAX_REASON else reason[: MAX_REASON - 1] + "…"
        before = self.state
        if (source, link, reason) == (before.source, before.link, before.reason):
            return
        since_us = before.since_us if link == before.link else self._now_us()
        self.state = LinkState(source, link, reason, since_us)
        if link != before.link or source != before.source:
            level = logging.WARNING if link == "down" or source != before.source else logging.INFO
            logger.log(level, EXCHANGE_LINK, link, source, f": {reason}" if reason else "")
