"""Where one interface of an exchange is: its base URLs, tried in turn, the way there, and whether we may ask."""

import logging
from collections.abc import Iterable
from typing import Final

from market.settings.proxy import NO_PROXIES, Proxies, ProxyOptions
from poller.network.bans import Ban

logger = logging.getLogger(__name__)


class Endpoints:
    """The base URLs of one interface. All of a process that use it share one of these.

    A ban is of our address, not of one URL: while it lasts, none of them is asked.
    """

    def __init__(self, what: str, urls: Iterable[str], proxies: Proxies = NO_PROXIES) -> None:
        """``what`` is for the log; ``urls`` go from the best to the last resort."""
        self.urls: Final = tuple(url.rstrip("/") for url in urls)
        self.ban: Final = Ban()
        self._what = what
        self._proxies = proxies
        self._at = 0
        self._logged = 0
        """Which one the log says is used: the first needs no words."""

    @classmethod
    def of(cls, what: str, where: "str | Endpoints") -> "Endpoints":
        """``where`` as it is, or one URL alone."""
        return where if isinstance(where, Endpoints) else cls(what, (where,))

    @property
    def current(self) -> str:
        """The one to use now."""
        return self.urls[self._at]

    def options(self, url: str) -> ProxyOptions:
        """Arguments for a request of aiohttp to ``url``: the proxy it goes through, if any."""
        return self._proxies.options(url)

    def failed(self, url: str) -> None:
        """``url`` does not serve: the next one is current. Nothing changes if that was another's doing already."""
        if url == self.current:
            self._at = (self._at + 1) % len(self.urls)

    def works(self, url: str) -> None:
        """``url`` serves: it is current, and the log says so where it was another before."""
        self._at = self.urls.index(url)
        if self._at != self._logged:
            logger.warning("%s: %s is used now, in place of %s", self._what, url, self.urls[self._logged])
            self._logged = self._at
