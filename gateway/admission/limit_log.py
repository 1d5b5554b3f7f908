"""Log lines about limits: one line for each client in a minute, and one number for all beyond a few.

Under attack this is called for every refusal. Then it costs one lookup in a set.
"""

import asyncio
import logging
from typing import Final

MINUTE_S: Final = 60.0
MOST_LINES: Final = 20
"""Lines in a minute; further clients are only counted."""

_LONGEST: Final = 100
"""The characters of a name that are shown."""

_MOST_PROXIES: Final = 5
"""A stranger can send such a header from as many addresses as it has."""

logger = logging.getLogger(__name__)


class LimitLog:
    """One gateway's log lines about limits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._proxies: set[str] = set()
        self._logged: set[tuple[str, str]] = set()
        """The clients and limits that have a line in this minute."""
        self._unlogged = 0
        """Refusals in this minute of clients without a line."""
        self._minute: asyncio.TimerHandle | None = None

    def met(self, who: str, setting: str, limit: float) -> None:
        """Note a refusal. ``who`` is an address or the name of a subject, ``setting`` the limit's name.

        ``who`` may hold anything that a stranger has written.
        """
        key = (who, setting)
        if key in self._logged:
            return
        if len(self._logged) >= MOST_LINES:
            self._unlogged += 1
            return
        if self._minute is None:
            self._minute = self._loop.call_later(MINUTE_S, self._begin_again)
        self._logged.add(key)
        logger.warning("%s has met %s=%g", _shown(who), setting, limit)

    def hides_clients(self, peer: str) -> None:
        """Note an untrusted `X-Forwarded-For` from ``peer``; logged once for each of a few."""
        if peer not in self._proxies and len(self._proxies) < _MOST_PROXIES:
            self._proxies.add(peer)
            logger.warning(
                "X-Forwarded-For from %s is not believed: if that is a proxy of yours, its clients share one limit, and"
                " so do its health checks; name it in TRUSTED_PROXIES",
                _shown(peer),
            )

    def close(self) -> None:
        """Stop, and log the number of those only counted so far."""
        if self._minute is not None:
            self._minute.cancel()
            self._begin_again()

    def _begin_again(self) -> None:
        if self._unlogged:
            logger.warning("limits were met %d times by others in the last minute; see /metrics", self._unlogged)
        self._logged.clear()
        self._unlogged = 0
        self._minute = None


def _shown(who: str) -> str:
    """Printable ASCII in one line, of bounded length."""
    text = who if len(who) <= _LONGEST else f"{who[:_LONGEST]}..."
    return text if text.isascii() and text.isprintable() else ascii(text)
