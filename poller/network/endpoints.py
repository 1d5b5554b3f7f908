"""The base URLs of one interface of an exchange, tried in turn, with their proxies and their ban."""

import logging
from collections.abc import Iterable
from typing import Final

from market.settings.proxy import NO_PROXIES, Proxies, ProxyOptions
from poller.log_events import ENDPOINT_CHANGED
from poller.network.bans import Ban

logger = logging.getLogger(__name__)


class Endpoints:
    """The base URLs of one interface. All users in a process share one object.

    The exchange bans our address, not one URL: during a ban no URL is used.
    """

    def __init__(self, what: str, urls: Iterable[str], proxies: Proxies = NO_PROXIES) -> None:
        """``what`` is for the log; ``urls`` are in order of preference."""
        self.urls: Final = tuple(url.rstrip("/") for url in urls)
        self.ban: Final = Ban()
        self._what = what
        self._proxies = proxies
        self._at = 0
        self._logged = 0
        """The index of the URL that was logged last; the first one is never logged by itself."""

    @classmethod
    def of(cls, what: str, where: "str | Endpoints") -> "Endpoints":
        """Return ``where``, or wrap a single URL."""
        return where if isinstance(where, Endpoints) else cls(what, (where,))

    @property
    def current(self) -> str:
        """The URL to use now."""
        return self.urls[self._at]

    def options(self, url: str) -> ProxyOptions:
        """Arguments for an aiohttp request to ``url``: its proxy, if any."""
        return self._proxies.options(url)

    def failed(self, url: str) -> None:
        """``url`` failed: the next one becomes current, unless another has become current already."""
        if url == self.current:
            self._at = (self._at + 1) % len(self.urls)

    def works(self, url: str) -> None:
        """``url`` works: it becomes current, and a change is logged."""
        self._at = self.urls.index(url)
        if self._at != self._logged:
            logger.warning(ENDPOINT_CHANGED, self._what, url, self.urls[self._logged])
            self._logged = self._at
