"""How long an exchange forbids all requests."""

import asyncio
from typing import Final

LONGEST_BAN_S: Final = 3 * 24 * 3600.0
"""No ban counts for longer, whatever the exchange says (Binance's "Limits": from 2 minutes to 3 days)."""
_LONGEST_GUESS_S: Final = 3600.0
"""If the exchange gives no time, we ask again after this at the latest."""


class Ban:
    """Forbids requests for a time. Times are the event loop's, in seconds."""

    def __init__(self, first_guess_s: float = 120.0) -> None:
        """``first_guess_s`` is the length of the first ban without a given time; it doubles each time."""
        self.reason = ""
        """The reason, while the ban lasts."""
        self._first_guess_s = first_guess_s
        self._until = float("-inf")
        self._guesses = 0

    def left_s(self) -> float:
        """Seconds until it is over; 0 if it is."""
        return max(0.0, self._until - asyncio.get_running_loop().time())

    def begin(self, given_s: float | None) -> float:
        """Ban for ``given_s``, or for a guess if that is None; return the seconds. A longer ban is not shortened."""
        if given_s is None:
            wait_s = min(self._first_guess_s * 2.0 ** min(self._guesses, 32), _LONGEST_GUESS_S)
            self._guesses += 1
        else:
            # Zero seconds is still a ban.
            wait_s = min(max(given_s, 1.0), LONGEST_BAN_S)
        self._until = max(self._until, asyncio.get_running_loop().time() + wait_s)
        return wait_s

    def over(self) -> None:
        """The exchange answered normally."""
        self._guesses = 0
        if not self.left_s():
            self.reason = ""

    async def wait(self) -> None:
        """Wait until the ban is over."""
        while (left_s := self.left_s()) > 0:  # noqa: ASYNC110 - time alone decides
            await asyncio.sleep(left_s)
