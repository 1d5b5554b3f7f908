"""Log lines about limits: one line for each client in a minute, and one number for all beyond a few."""

import logging
from typing import Final

from gateway.admission.limits.once_a_minute import OnceAMinute, printable
from gateway.log_events import LIMIT_MET, LIMITS_MET_BY_OTHERS, PROXY_NOT_TRUSTED

MOST_LINES: Final = 20
"""Lines in a minute; further clients are only counted."""

_MOST_PROXIES: Final = 5
"""A stranger can send such a header from as many addresses as it has."""

logger = logging.getLogger(__name__)


class LimitLog:
    """One gateway's log lines about limits."""

    def __init__(self) -> None:
        self._proxies: set[str] = set()
        self._lines = OnceAMinute(MOST_LINES, _others)

    def met(self, who: str, setting: str, limit: float) -> None:
        """Note a refusal. ``who`` is an address or the name of a subject, ``setting`` the limit's name.

        ``who`` may hold anything that a stranger has written.
        """
        if self._lines.may_log((who, setting)):
            logger.warning(LIMIT_MET, printable(who), setting, limit)

    def hides_clients(self, peer: str) -> None:
        """Note an untrusted `X-Forwarded-For` from ``peer``; logged once for each of a few."""
        if peer not in self._proxies and len(self._proxies) < _MOST_PROXIES:
            self._proxies.add(peer)
            logger.warning(PROXY_NOT_TRUSTED, printable(peer))

    def close(self) -> None:
        """Stop, and log the number of those only counted so far."""
        self._lines.close()


def _others(count: int) -> None:
    logger.warning(LIMITS_MET_BY_OTHERS, count)
