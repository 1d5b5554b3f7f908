"""Where one interface of an exchange is: its base URLs, tried in turn, the way there, and whether we may ask."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from market.proxy import NO_PROXIES, Proxies, ProxyOptions

logger = logging.getLogger(__name__)

LONGEST_BAN_S: Final = 3 * 24 * 3600.0
"""No ban lasts longer (from 2 minutes to 3 days, says "Limits"), whatever we are told."""
_LONGEST_GUESS_S: Final = 3600.0
"""Where nobody says how long: after this at the latest we ask again."""


class Ban:
    """For how long nothing may be asked. Times are the event loop's, in seconds."""

    def __init__(self, first_guess_s: float = 120.0) -> None:
        """``first_guess_s`` is how long to stay away the first time that we are not told; it doubles each time."""
        self.reason = ""
        """Why, while it lasts."""
        self._first_guess_s = first_guess_s
        self._until = float("-inf")
        self._guesses = 0

    def left_s(self) -> float:
        """Seconds until it is over; 0 if it is."""
        return max(0.0, self._until - asyncio.get_running_loop().time())

    def begin(self, told_s: float | None) -> float:
        """Stay away for ``told_s``, or for a guess if that is None; how long that is. A longer ban is not shortened."""
        if told_s is None:
            wait_s = min(self._first_guess_s * 2.0 ** min(self._guesses, 32), _LONGEST_GUESS_S)
            self._guesses += 1
        else:
            # Who says zero has still said stop.
            wait_s = min(max(told_s, 1.0), LONGEST_BAN_S)
        self._until = max(self._until, asyncio.get_running_loop().time() + wait_s)
        return wait_s

    def over(self) -> None:
        """The exchange answered as it should."""
        self._guesses = 0
        if not self.left_s():
            self.reason = ""

    async def wait(self) -> None:
        """Return when nothing is forbidden any more."""
        while (left_s := self.left_s()) > 0:  # noqa: ASYNC110 - time alone decides
            await asyncio.sleep(left_s)


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
        self._told = 0
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
        if self._at != self._told:
            logger.warning("%s: %s is used now, in place of %s", self._what, url, self.urls[self._told])
            self._told = self._at
