"""An exchange has said stop: for how long nothing may be asked."""

import asyncio
from typing import Final

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
